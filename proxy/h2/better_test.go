package h2

import (
	"context"
	"net"
	"testing"

	"github.com/bulkhead-mesh/bulkhead/proxy/hbone"
	"github.com/bulkhead-mesh/bulkhead/proxy/tunnel"
)

// TestAnAnnouncementIsHeard: of HTTP/3 at a port of the same host, in any answer.
func TestAnAnnouncementIsHeard(t *testing.T) {
	for name, announce := range map[string]func(port uint16) string{
		"here":       hbone.AltH3,
		"elsewhere":  func(uint16) string { return `h3="other.example:443"` },
		"another":    func(uint16) string { return `h2=":1"` },
		"by nothing": func(uint16) string { return "" },
	} {
		t.Run(name, func(t *testing.T) {
			cc, sc := loopback(t)
			port := uint16(cc.RemoteAddr().(*net.TCPAddr).Port)
			s := serve(Options{}, sc, func(in tunnel.Incoming) {
				if s, err := in.Accept(hbone.Header{AltSvc: announce(port)}); err == nil {
					_ = s.CloseWrite()
				}
			})
			defer s.wait(t)
			tn, err := New(Options{}).Client(context.Background(), cc)
			if err != nil {
				t.Fatal(err)
			}
			defer tn.Close()
			for range 2 { // the second time nothing more happens
				open(t, tn).Close()
			}
			heard := false
			select {
			case <-tn.(tunnel.Announcer).Better():
				heard = tn.(tunnel.Announcer).BetterAt() == port
			default:
			}
			if heard != (name == "here") {
				t.Errorf("heard: %v", heard)
			}
		})
	}
}

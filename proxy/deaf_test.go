package proxy

import (
	"errors"
	"log/slog"
	"net"
	"testing"

	"github.com/bulkhead-mesh/bulkhead/proxy/h3"
	"github.com/bulkhead-mesh/bulkhead/proxy/telemetry"
	"github.com/bulkhead-mesh/bulkhead/proxy/tunnel"
	"github.com/bulkhead-mesh/bulkhead/redirect"
)

// A socket that cannot be served is announced no more, and nobody dials through it.
func TestNothingIsAnnouncedThatCannotBeServed(t *testing.T) {
	pc, err := net.ListenUDP("udp", &net.UDPAddr{IP: net.IPv4(127, 0, 0, 1)})
	if err != nil {
		t.Fatal(err)
	}
	pc.Close()
	w := New(Config{
		Datagrams: h3.New(h3.Options{}).On(pc, h3.Socket{}), Ports: redirect.NodePorts,
		Log: slog.New(slog.DiscardHandler), Counters: &telemetry.Counters{}, View: judged(),
	})
	if w.altSvc() == "" {
		t.Error("nothing is announced of a socket that may well do")
	}
	w.serveDatagrams(t.Context(), t.Context(), t.Context())
	if at := w.altSvc(); at != "" {
		t.Errorf("%s is announced", at)
	}
	if _, _, err := w.dialDatagrams(t.Context(), tunnel.Key{}); !errors.Is(err, errDeaf) {
		t.Errorf("dialled: %v", err)
	}
}

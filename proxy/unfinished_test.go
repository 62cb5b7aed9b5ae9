package proxy_test

import (
	"crypto/tls"
	"strings"
	"testing"

	"github.com/bulkhead-mesh/bulkhead/proxy/h3"
)

// Nobody sees a handshake over QUIC that ends before the peer has shown a certificate but TLS and the peer. It leaves a
// record all the same, one for each; what is refused for its certificate, or let in, leaves none of these.
func TestAnUnfinishedHandshakeIsOnRecord(t *testing.T) {
	w := newTwoWith(t, func(w *two) { w.quic = true })
	w.server.serve(t, 8080, echoApp)
	for name, config := range map[string]*tls.Config{
		"no protocol in common":      {InsecureSkipVerify: true, NextProtos: []string{"h3-29"}},
		"it does not believe us":     {NextProtos: []string{h3.NextProto}, ServerName: "somebody.else"},
		"no key exchange in common":  {InsecureSkipVerify: true, NextProtos: []string{h3.NextProto}, CurvePreferences: []tls.CurveID{tls.CurveP521}},
		"it shows none, and is told": {InsecureSkipVerify: true, NextProtos: []string{h3.NextProto}},
	} {
		if c, err := w.dialQUIC(t, config); err == nil {
			if _, err = c.AcceptUniStream(t.Context()); err == nil {
				t.Errorf("%s: it was let in", name)
			}
		}
	}
	w.overQUIC(t, at(w.B4, 8080))
	const said = "gave up"
	w.server.waitLine(t, "direction=inbound", "transport=quic", "refused the peer")
	eventually(t, "three records", func() bool { return strings.Count(w.server.lines.String(), said) >= 3 })
	if n := strings.Count(w.server.lines.String(), said); n != 3 {
		t.Errorf("%d lines of handshakes that ended early, want 3:\n%s", n, w.server.lines)
	}
}

package proxy_test

import (
	"io"
	"net"
	"net/netip"
	"os"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/bulkhead-mesh/bulkhead/proxy/h3"
	"github.com/bulkhead-mesh/bulkhead/proxy/tunnel"
	"github.com/bulkhead-mesh/bulkhead/redirect/netns"
)

// TestAMomentWithoutAnAddress: the pod's address is gone before it has another. What is sent meanwhile finds no way
// out, and is as good as lost; the tunnel goes on from the new one.
func TestAMomentWithoutAnAddress(t *testing.T) {
	w := newTwoWith(t, func(w *two) {
		w.quic, w.tunnels.Migrate = true, tunnel.Choice{On: true}
		w.h3 = h3.Options{
			PingInterval:   50 * time.Millisecond,                // the tunnel sends without the application
			SilenceTimeout: time.Hour, IdleTimeout: 2 * patience, // the test may be slow
		}
	})
	w.server.serve(t, 8080, echoApp)
	settled := netip.MustParseAddr("10.99.0.1")
	w.Settle(t, settled)
	dial := func() *net.TCPConn {
		c, err := w.A.Dial(t.Context(), netns.DialOptions{Remote: at(w.B4, 8080), Source: settled})
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() { c.Close() })
		_ = c.SetDeadline(time.Now().Add(2 * patience))
		saysAgain(t, c, "before")
		return c
	}
	eventually(t, "connections to go over QUIC", func() bool {
		dial().Close()
		return strings.Contains(w.client.lines.String(), "transport=quic")
	})
	open := dial()
	w.server.waitLine(t, "transport=quic")
	before := strings.Count(w.server.lines.String(), "transport=quic")
	w.Readdress(t, netip.MustParseAddr("10.77.0.77"), func() {
		unsent := noRoutes(t)
		eventually(t, "what is sent to find no way", func() bool { return noRoutes(t) != unsent })
	})
	saysAgain(t, open, "after")
	open.Close()
	w.server.waitLine(t, "peer moved")
	eventually(t, "it to be on record, over QUIC", func() bool { return strings.Count(w.server.lines.String(), "transport=quic") > before })
}

func saysAgain(t *testing.T, c *net.TCPConn, text string) {
	t.Helper()
	if _, err := io.WriteString(c, text); err != nil {
		t.Fatal(err)
	}
	b := make([]byte, len(text))
	if _, err := io.ReadFull(c, b); err != nil || string(b) != text {
		t.Fatalf("read %q, %v, want %q", b, err, text)
	}
}

// noRoutes counts packets that found no way out of the namespace of the caller's thread.
func noRoutes(t *testing.T) string {
	t.Helper()
	b, err := os.ReadFile("/proc/thread-self/net/snmp")
	if err != nil {
		t.Fatal(err)
	}
	var names []string
	for line := range strings.Lines(string(b)) {
		fields := strings.Fields(line)
		if fields[0] != "Ip:" {
			continue
		}
		if i := slices.Index(names, "OutNoRoutes"); i > 0 {
			return fields[i]
		}
		names = fields
	}
	t.Fatalf("the kernel counts no OutNoRoutes in %s", b)
	return ""
}

package proxy_test

import (
	"context"
	"errors"
	"io"
	"net"
	"sync/atomic"
	"syscall"
	"testing"
	"time"

	"github.com/bulkhead-mesh/bulkhead/proxy/hazard"
)

// A panic of one connection ends it, for its client too, is counted, and leaves every
// other alone: before it is captured, before its tunnel's handshake, in its stream.
func TestPanicsEndTheirConnectionOnly(t *testing.T) {
	w := newTwo(t)
	w.server.serve(t, 8080, func(c *net.TCPConn) { _, _ = io.Copy(c, c) })
	for _, c := range []struct {
		name string
		of   *pod
		warm bool // there is a tunnel already
	}{{"outbound", w.client, false}, {"tunnel", w.server, false}, {"stream", w.server, true}} {
		t.Run(c.name, func(t *testing.T) {
			before := c.of.work.Counters.Panics.Load()
			if c.warm {
				echoed(t, w)
			}
			var left atomic.Int32
			left.Store(1)
			connected := make(chan struct{})
			t.Cleanup(hazard.Arm(&hazard.Hazard{Connection: func(_ context.Context, uid string) {
				if uid == c.of.workload.UID && left.Add(-1) == 0 {
					<-connected
					panic("a bug")
				}
			}}))
			conn := w.client.dial(t, at(w.B4, 8080))
			close(connected)
			_ = conn.SetReadDeadline(time.Now().Add(patience))
			if _, err := io.ReadAll(conn); !errors.Is(err, syscall.ECONNRESET) {
				t.Errorf("its client read %v, want a reset", err)
			}
			if n := c.of.work.Counters.Panics.Load() - before; n != 1 {
				t.Errorf("%d panics counted", n)
			}
			echoed(t, w)
		})
	}
}

func echoed(t *testing.T, w *two) {
	t.Helper()
	conn := w.client.dial(t, at(w.B4, 8080))
	if _, err := conn.Write([]byte("still there")); err != nil {
		t.Fatal(err)
	}
	_ = conn.CloseWrite()
	if got := readAll(t, conn); got != "still there" {
		t.Errorf("echo %q", got)
	}
}

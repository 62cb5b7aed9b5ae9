package rules

import (
	"errors"
	"net/netip"
	"testing"

	"golang.org/x/sys/unix"

	"github.com/bulkhead-mesh/bulkhead/redirect"
	"github.com/bulkhead-mesh/bulkhead/redirect/netns"
)

func instead(p Plan, i Instead) Plan {
	p.Instead = i
	return p
}

// refused wants a connection to be refused and not to wait.
func (w *world) refused(n *netns.Namespace, o netns.DialOptions) {
	w.Helper()
	c, err := w.dialOptions(n, o)
	if !errors.Is(err, unix.ECONNREFUSED) {
		w.Errorf("connection to %v: %v, want it refused", o.Remote, err)
	}
	if c != nil {
		c.Close()
	}
}

// Closed: nothing new in or out, while what is open goes on, and the way back is one
// batch too.
func TestClosedRefusesAtOnce(t *testing.T) {
	w := newWorld(t)
	w.install(node)
	newGreeters(w)
	direct := w.listen(w.B, 8080)
	inside := w.listen(w.A, 8080)
	open := w.dial(w.A, w.B4, 8080)
	w.expect(open, "node out")
	for range 3 {
		w.install(instead(node, Closed))
		w.must(Verify(w.A, instead(node, Closed)))
		if err := Verify(w.A, node); err == nil {
			t.Error("closed looks like captured")
		}
		for _, to := range []netns.DialOptions{{Remote: netip.AddrPortFrom(w.B4, 8080)}, {Remote: netip.AddrPortFrom(w.B6, 8080)}} {
			w.refused(w.A, to)
		}
		for _, port := range []uint16{8080, redirect.HBONEPort} {
			w.refused(w.B, netns.DialOptions{Remote: netip.AddrPortFrom(w.A4, port)})
			w.refused(w.B, netns.DialOptions{Remote: netip.AddrPortFrom(w.A6, port)})
		}
		w.expect(open, "node out")
		w.install(node)
		w.expect(w.dial(w.A, w.B6, 8080), "node out")
		w.expect(w.dial(w.B, w.A4, 8080), "node in")
	}
	w.idle(direct)
	w.idle(inside)
}

// Passthrough: new connections go past the proxy both ways, tunnels are refused, and
// what was captured before stays captured: not a byte of it in plaintext.
func TestPassthroughTakesOnlyNewConnections(t *testing.T) {
	w := newWorld(t)
	w.install(node)
	newGreeters(w)
	direct := w.listen(w.B, 8080)
	inside := w.listen(w.A, 8080)
	open := w.dial(w.A, w.B4, 8080)
	w.expect(open, "node out")
	w.install(instead(node, Passthrough))
	w.must(Verify(w.A, instead(node, Passthrough)))
	for _, a := range []struct {
		from *netns.Namespace
		o    netns.DialOptions
	}{{w.A, netns.DialOptions{Remote: netip.AddrPortFrom(w.B4, 8080)}}, {w.B, netns.DialOptions{Remote: netip.AddrPortFrom(w.A6, 8080)}}} {
		w.dialWith(a.from, a.o)
	}
	w.accept(direct)
	w.accept(inside)
	w.refused(w.B, netns.DialOptions{Remote: netip.AddrPortFrom(w.A4, redirect.HBONEPort)})
	if got, err := ask(open, "MARKER-out"); err != nil || got != "node out" {
		t.Errorf("the captured connection: %q, %v", got, err)
	}
	w.secret("MARKER-out")
	w.install(node)
	w.expect(w.dial(w.A, w.B4, 8080), "node out")
	w.idle(direct)
	w.idle(inside)
}

func TestUnknownInsteadIsRefused(t *testing.T) {
	w := newWorld(t)
	var plan *PlanError
	if err := Install(w.A, instead(node, "open")); !errors.As(err, &plan) {
		t.Errorf("%v, want a PlanError", err)
	}
}

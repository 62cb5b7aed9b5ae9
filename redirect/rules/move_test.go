package rules

import (
	"io"
	"net"
	"net/netip"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/bulkhead-mesh/bulkhead/redirect"
	"github.com/bulkhead-mesh/bulkhead/redirect/netns"
)

// moves is how often the pod changes placement under load.
const moves = 100

// Clients connect all the time while the pod moves to and fro. Each connection
// reaches one of the two placements: none is refused, none goes direct, and
// those that are open stay where they are (I7).
func TestMoveUnderLoad(t *testing.T) {
	w := newWorld(t)
	w.install(node)
	newGreeters(w)
	direct := w.listen(w.B, 8080)

	old := w.dial(w.A, w.B4, 8080)
	w.expect(old, "node out")
	oldTunnel := w.dial(w.B, w.A6, redirect.HBONEPort)
	w.expect(oldTunnel, "node hbone")

	crowd := newCrowd(w)
	for i := range moves {
		p, name := sidecar, "sidecar"
		if i%2 == 1 {
			p, name = node, "node"
		}
		w.install(p)
		w.expect(w.dial(w.A, w.B6, 8080), name+" out")
		w.expect(w.dial(w.B, w.A4, 8080), name+" in")
		w.expect(w.dial(w.B, w.A4, redirect.HBONEPort), name+" hbone")
		w.expect(old, "node out")
		w.expect(oldTunnel, "node hbone")
	}
	if n := crowd.stop(); n < moves {
		t.Errorf("only %d connections were made during %d moves", n, moves)
	}
	w.idle(direct)
	w.secret("MARKER-out")
}

// expect asks whoever serves c for its name.
func (w *world) expect(c *net.TCPConn, name string) {
	w.Helper()
	if got, err := ask(c, "hello"); err != nil || got != name {
		w.Fatalf("connection to %v is served by %q (%v), want %q", c.RemoteAddr(), got, err, name)
	}
}

// question is the size of each message, both ways.
const question = 16

func ask(c *net.TCPConn, marker string) (string, error) {
	c.SetDeadline(time.Now().Add(hang))
	if _, err := c.Write(pad(marker)); err != nil {
		return "", err
	}
	answer := make([]byte, question)
	if _, err := io.ReadFull(c, answer); err != nil {
		return "", err
	}
	return string(trim(answer)), nil
}

func pad(s string) []byte { return append([]byte(s), make([]byte, question-len(s))...) }

func trim(b []byte) []byte {
	for len(b) > 0 && b[len(b)-1] == 0 {
		b = b[:len(b)-1]
	}
	return b
}

// greeters are the listeners of both placements; each answers with its name.
type greeters struct {
	listeners []*net.TCPListener
	wait      sync.WaitGroup
}

func newGreeters(w *world) {
	w.Helper()
	g := &greeters{}
	for name, p := range map[string]Plan{"node": node, "sidecar": sidecar} {
		outbound, plaintext, hbone := w.proxy(p)
		g.listeners = append(g.listeners, outbound, plaintext, hbone)
		for what, l := range map[string]*net.TCPListener{" out": outbound, " in": plaintext, " hbone": hbone} {
			g.wait.Go(func() { g.serve(l, name+what) })
		}
	}
	w.Cleanup(g.stop)
}

func (g *greeters) serve(l *net.TCPListener, name string) {
	for {
		c, err := l.AcceptTCP()
		if err != nil {
			return
		}
		g.wait.Go(func() { greet(c, name) })
	}
}

func greet(c *net.TCPConn, name string) {
	defer c.Close()
	c.SetDeadline(time.Now().Add(2 * hang))
	for b := make([]byte, question); ; {
		if _, err := io.ReadFull(c, b); err != nil {
			return
		}
		if _, err := c.Write(pad(name)); err != nil {
			return
		}
	}
}

// stop comes after the clients have gone: clean-up goes backwards.
func (g *greeters) stop() {
	for _, l := range g.listeners {
		l.Close()
	}
	g.wait.Wait()
}

// A crowd is clients that connect, ask once, and connect again.
type crowd struct {
	w       *world
	ended   atomic.Bool
	made    atomic.Int64
	clients sync.WaitGroup
}

func newCrowd(w *world) *crowd {
	l := &crowd{w: w}
	for _, target := range []struct {
		from *netns.Namespace
		to   netip.Addr
		port uint16
	}{
		{w.A, w.B4, 8080}, {w.A, w.B6, 8080}, {w.B, w.A4, 8080}, {w.B, w.A6, redirect.HBONEPort},
	} {
		l.clients.Go(func() { l.connect(target.from, netip.AddrPortFrom(target.to, target.port)) })
	}
	w.Cleanup(func() { l.stop() })
	return l
}

func (l *crowd) connect(from *netns.Namespace, to netip.AddrPort) {
	for !l.ended.Load() {
		c, err := l.w.dialOptions(from, netns.DialOptions{Remote: to})
		if err != nil {
			l.w.Errorf("connection %d: %v", l.made.Load(), err)
			return
		}
		marker := "MARKER-in"
		if from == l.w.A {
			marker = "MARKER-out"
		}
		_, err = ask(c, marker)
		c.SetLinger(0) // no TIME_WAIT: ports would run out
		c.Close()
		if err != nil {
			l.w.Errorf("connection %d to %v was cut: %v", l.made.Load(), to, err)
			return
		}
		l.made.Add(1)
	}
}

func (l *crowd) stop() int64 {
	l.ended.Store(true)
	l.clients.Wait()
	return l.made.Load()
}

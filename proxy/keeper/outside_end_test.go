package keeper

import (
	"io"
	"net"
	"sync"
	"syscall"
	"testing"
)

// A sidecar that is told to end serves who waits in its backlog: nobody else comes for them, and its sockets' end would
// reset them all.
func TestASidecarsEndClearsItsBacklog(t *testing.T) {
	n := startNode(t, "isolation: workload\n")
	n.echo(t)
	c := n.sidecarOf(t, "a/client", n.A, n.caLine()+"\ndrain: 5m\n")
	ended := sync.OnceValue(c.Wait)
	t.Cleanup(func() { _ = c.Process.Kill(); _ = ended() })
	n.sidecarReady(t, "a/client")
	n.move(t, "a/client", Sidecar)
	halt(t, c.Process.Pid)
	waiting := n.sayHello(t, 64)
	for _, s := range []syscall.Signal{syscall.SIGTERM, syscall.SIGCONT} {
		if err := c.Process.Signal(s); err != nil {
			t.Fatal(err)
		}
	}
	for i, w := range waiting {
		if _, err := io.ReadFull(w, make([]byte, 5)); err != nil {
			t.Errorf("number %d of %d: %v", i, len(waiting), err)
		}
		w.Close()
	}
	if err := ended(); err != nil {
		t.Errorf("the sidecar ended with %v", err)
	}
}

// sayHello are connections that have said hello and nobody has accepted.
func (n *node) sayHello(t *testing.T, many int) (waiting []net.Conn) {
	t.Helper()
	for range many {
		c, err := n.dial()
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() { c.Close() })
		if _, err := io.WriteString(c, "hello"); err != nil {
			t.Fatal(err)
		}
		waiting = append(waiting, c)
	}
	return waiting
}

package proxy_test

import (
	"context"
	"errors"
	"io"
	"net"
	"syscall"
	"testing"

	"github.com/bulkhead-mesh/bulkhead/proxy/budget"
)

// What waits in the backlog when the last who accepts is told to end is served: the sockets
// stay open in custody, where nobody would come for it. (It goes over HTTP/2: a process whose whole time is this has met
// nobody who could announce QUIC. What was met and is told to end is TestDrainCutsAtTheDeadline, over both.)
func TestTheLastWhoAcceptsClearsTheBacklog(t *testing.T) {
	w := newTwo(t)
	w.drain = patience
	w.client.stop()
	w.server.serve(t, 8080, echoAll)
	p, l := w.prepare(t, "a/client", w.A, nil)
	held, err := l.Outbound.File() // as an anchor does
	if err != nil {
		t.Fatal(err)
	}
	defer held.Close()
	var waiting []net.Conn
	for range 50 {
		c := p.dial(t, at(w.B4, 8080))
		if _, err := io.WriteString(c, "hello"); err != nil {
			t.Fatal(err)
		}
		waiting = append(waiting, c)
	}
	ended, end := context.WithCancel(t.Context())
	end()
	p.work.Last()
	p.run(t, ended, l)
	for i, c := range waiting {
		b := make([]byte, 5)
		if _, err := io.ReadFull(c, b); err != nil || string(b) != "hello" {
			t.Fatalf("number %d of %d heard %q: %v", i, len(waiting), b, err)
		}
		c.Close()
	}
}

// What waits is held to the budget, and clearing ends: 1 of 50 has the place there is, and
// the others are reset, though nobody leaves and nothing waits for ever.
func TestTheBacklogIsHeldToTheBudget(t *testing.T) {
	w := newTwo(t)
	w.drain = patience
	w.client.stop()
	w.server.serve(t, 8080, echoAll)
	limits := budget.Config{}.For("a/client")
	limits.Connections = 1
	account := budget.NewAccount(*limits, budget.NewTurns(1))
	p, l := w.prepare(t, "a/client", w.A, account)
	held, err := l.Outbound.File()
	if err != nil {
		t.Fatal(err)
	}
	defer held.Close()
	var waiting []net.Conn
	for range 50 {
		waiting = append(waiting, p.dial(t, at(w.B4, 8080)))
	}
	ended, end := context.WithCancel(t.Context())
	end()
	p.work.Last()
	p.run(t, ended, l)
	served := 0
	for _, c := range waiting {
		_, err := io.WriteString(c, "hello")
		if err == nil {
			_, err = io.ReadFull(c, make([]byte, 5))
		}
		switch {
		case err == nil:
			served++
		case !errors.Is(err, syscall.ECONNRESET) && !errors.Is(err, syscall.EPIPE):
			t.Errorf("%v, want a reset", err)
		}
	}
	if served != 1 {
		t.Errorf("%d were served, want the one that has a place", served)
	}
	for _, c := range waiting {
		c.Close()
	}
}

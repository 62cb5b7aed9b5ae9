package proxy_test

import (
	"context"
	"io"
	"net"
	"testing"
)

// What waits in the backlog when the last who accepts is told to end is served: the sockets
// stay open in custody, where nobody would come for it.
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

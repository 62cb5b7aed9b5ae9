package rules

import (
	"errors"
	"net"
	"testing"
	"time"

	"golang.org/x/sys/unix"
)

// A connection that began while capture was away does not outlive the repair. The control
// is Install alone, after which it goes on in plaintext.
func TestRecaptureEndsWhatWentPast(t *testing.T) {
	for _, s := range []struct {
		name   string
		repair func(*world) error
		ends   bool
	}{
		{"install", func(w *world) error { return Install(w.A, node) }, false},
		{"recapture", func(w *world) error { return Recapture(w.A, node) }, true},
	} {
		t.Run(s.name, func(t *testing.T) {
			w := newWorld(t)
			w.proxy(node)
			w.install(node)
			w.edit(func(k *kernel) { k.nft.DelTable(inet(captureName)) })
			for _, side := range w.sides() {
				server := w.listen(w.B, 9000)
				past := w.dial(w.A, side.peer, 9000)
				peer := w.accept(server)
				w.send(past, peer, "MARKER-meanwhile")
				w.must(s.repair(w))
				if s.ends {
					w.reset(past, "MARKER-after")
				} else {
					w.send(past, peer, "MARKER-after")
				}
				w.must(server.Close())
				w.edit(func(k *kernel) { k.nft.DelTable(inet(captureName)) })
			}
			if s.ends {
				w.secret("MARKER-after")
			} else {
				w.public("MARKER-after")
			}
		})
	}
}

// reset sends on a connection that must come to an end by it.
func (w *world) reset(c *net.TCPConn, text string) {
	w.Helper()
	w.must(c.SetDeadline(time.Now().Add(hang)))
	_, err := c.Write([]byte(text))
	w.must(err)
	if _, err := c.Read(make([]byte, 1)); !errors.Is(err, unix.ECONNRESET) {
		w.Errorf("read: %v, want a reset", err)
	}
}

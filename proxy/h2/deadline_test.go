package h2

import (
	"errors"
	"io"
	"os"
	"testing"
	"time"

	"github.com/bulkhead-mesh/bulkhead/proxy/tunnel"
)

// A deadline ends a wait that has begun, or one to come, and no more than that: another
// deadline, or none, and the stream goes on where it was.
func TestDeadlines(t *testing.T) {
	for name, set := range map[string]func(tunnel.Stream, time.Time) error{
		"of one direction": func(s tunnel.Stream, at time.Time) error {
			return errors.Join(s.SetReadDeadline(at), s.SetWriteDeadline(at))
		},
		"of both": tunnel.Stream.SetDeadline,
	} {
		t.Run(name, func(t *testing.T) {
			tn, _, a := acceptPair(t, Options{})
			near := open(t, tn)
			far := a.next(t)
			for range 2 { // the second time it has passed before
				if err := set(near, time.Now().Add(10*time.Millisecond)); err != nil {
					t.Fatal(err)
				}
				within(t, "a read", func() {
					if _, err := near.Read(make([]byte, 1)); !errors.Is(err, os.ErrDeadlineExceeded) {
						t.Errorf("read: %v", err)
					}
				})
			}
			sent := 0
			within(t, "a write", func() {
				n, err := near.Write(make([]byte, 4*streamWindow)) // nobody reads it
				if sent = n; !errors.Is(err, os.ErrDeadlineExceeded) || n >= 4*streamWindow {
					t.Errorf("write: %d, %v", n, err)
				}
			})
			if err := set(near, time.Time{}); err != nil {
				t.Fatal(err)
			}
			wrote := make(chan error, 1)
			go func() { _, err := near.Write([]byte("the rest")); wrote <- errors.Join(err, near.CloseWrite()) }()
			if n, err := io.Copy(io.Discard, far); err != nil || int(n) != sent+len("the rest") {
				t.Errorf("%d bytes arrived of %d, %v", n, sent+len("the rest"), err)
			}
			if err := <-wrote; err != nil {
				t.Error(err)
			}
			write(t, far, "x")
			if _, err := io.ReadFull(near, make([]byte, 1)); err != nil {
				t.Error(err)
			}
		})
	}
}

// A wait that has begun sees a deadline that is set after it.
func TestADeadlineWakesWhoWaits(t *testing.T) {
	tn, _, a := acceptPair(t, Options{})
	near := open(t, tn)
	a.next(t)
	read, wrote := make(chan error, 1), make(chan error, 1)
	go func() { _, err := near.Read(make([]byte, 1)); read <- err }()
	go func() { _, err := near.Write(make([]byte, 4*streamWindow)); wrote <- err }()
	blocked(t, near)
	if err := near.SetDeadline(time.Unix(1, 0)); err != nil {
		t.Fatal(err)
	}
	for _, c := range []chan error{read, wrote} {
		within(t, "the wait", func() {
			if err := <-c; !errors.Is(err, os.ErrDeadlineExceeded) {
				t.Errorf("got %v", err)
			}
		})
	}
}

package contract

import (
	"bytes"
	"errors"
	"io"
	"math/rand/v2"
	"net"
	"os"
	"testing"
	"time"

	"github.com/bulkhead-mesh/bulkhead/proxy/tunnel"
)

// What a stream promises once it is open.

func echoes(t *testing.T, make_ Maker) {
	tn, _, _ := make_(t, echo, Given{})
	s := open(t, tn)
	write(t, s, "hello")
	b := make([]byte, 5)
	if _, err := io.ReadFull(s, b); err != nil || string(b) != "hello" {
		t.Fatalf("read %q, %v", b, err)
	}
	if err := s.CloseWrite(); err != nil {
		t.Fatal(err)
	}
	if got := readAll(t, s); got != "" {
		t.Errorf("read %q after the end", got)
	}
}

func large(t *testing.T, make_ Maker) {
	tn, _, _ := make_(t, echo, Given{})
	s := open(t, tn)
	sent := make([]byte, 4<<20)
	rand.NewChaCha8([32]byte{1}).Read(sent)
	failed := make(chan error, 1)
	go func() {
		_, err := s.Write(sent)
		failed <- errors.Join(err, s.CloseWrite())
	}()
	got, err := io.ReadAll(s)
	if err != nil || !bytes.Equal(got, sent) {
		t.Errorf("got %d bytes, %v; want the %d that were sent", len(got), err, len(sent))
	}
	if err := <-failed; err != nil {
		t.Error(err)
	}
}

func clientFirst(t *testing.T, make_ Maker) {
	c, s := both(t, make_).stream(t)
	halves(t, c, s)
}

func serverFirst(t *testing.T, make_ Maker) {
	c, s := both(t, make_).stream(t)
	halves(t, s, c)
}

// halves: one end has said all, the other one goes on.
func halves(t *testing.T, first, second tunnel.Stream) {
	t.Helper()
	write(t, first, "question")
	if err := first.CloseWrite(); err != nil {
		t.Fatal(err)
	}
	if got := readAll(t, second); got != "question" {
		t.Errorf("read %q", got)
	}
	write(t, second, "answer")
	if err := second.CloseWrite(); err != nil {
		t.Fatal(err)
	}
	if got := readAll(t, first); got != "answer" {
		t.Errorf("read %q", got)
	}
}

// resets: either end resets, the other one sees it in Read and in Write.
func resets(t *testing.T, make_ Maker) {
	e := both(t, make_)
	for _, by := range []string{"client", "server"} {
		t.Run(by, func(t *testing.T) {
			from, to := e.stream(t)
			if by == "server" {
				from, to = to, from
			}
			write(t, from, "lost")
			from.Reset()
			within(t, "read after reset", func() {
				_, err := io.Copy(io.Discard, to)
				wantReset(t, err)
			})
			within(t, "write after reset", func() {
				for {
					if _, err := to.Write([]byte("x")); err != nil {
						wantReset(t, err)
						return
					}
				}
			})
			if _, err := from.Read(make([]byte, 1)); !errors.Is(err, net.ErrClosed) {
				t.Errorf("own read after reset: %v", err)
			}
			if _, err := from.Write([]byte("x")); !errors.Is(err, net.ErrClosed) {
				t.Errorf("own write after reset: %v", err)
			}
		})
	}
}

func closesUnfinished(t *testing.T, make_ Maker) {
	c, s := both(t, make_).stream(t)
	s.Close()
	_, err := c.Read(make([]byte, 1))
	wantReset(t, err)
}

func closesFinished(t *testing.T, make_ Maker) {
	c, s := both(t, make_).stream(t)
	write(t, c, "ping")
	if err := c.CloseWrite(); err != nil {
		t.Fatal(err)
	}
	readAll(t, s)
	write(t, s, "pong")
	if err := s.CloseWrite(); err != nil {
		t.Fatal(err)
	}
	s.Close() // at once: the peer has read nothing yet
	if got := readAll(t, c); got != "pong" {
		t.Errorf("read %q", got)
	}
}

func writesAfterEnd(t *testing.T, make_ Maker) {
	tn, _, _ := make_(t, echo, Given{})
	s := open(t, tn)
	if err := s.CloseWrite(); err != nil {
		t.Fatal(err)
	}
	if _, err := s.Write([]byte("x")); err != io.ErrClosedPipe {
		t.Errorf("got %v", err)
	}
	if err := s.CloseWrite(); err != nil {
		t.Errorf("second CloseWrite: %v", err)
	}
}

func endsDuringWrite(t *testing.T, make_ Maker) {
	c, s := both(t, make_).stream(t)
	done := make(chan error, 1)
	go func() {
		_, err := c.Write(make([]byte, 4<<20)) // more than any window
		done <- err
	}()
	if _, err := io.ReadFull(s, make([]byte, 1)); err != nil { // it has begun
		t.Fatal(err)
	}
	if err := c.CloseWrite(); err != nil {
		t.Fatal(err)
	}
	if n := len(readAll(t, s)); n != 4<<20-1 {
		t.Errorf("read %d bytes", n)
	}
	if err := <-done; err != nil {
		t.Error(err)
	}
}

// wakers end a stream or its tunnel.
var wakers = map[string]func(e *ends, c, s tunnel.Stream){
	"own reset":    func(_ *ends, c, _ tunnel.Stream) { c.Reset() },
	"own close":    func(_ *ends, c, _ tunnel.Stream) { c.Close() },
	"peer's reset": func(_ *ends, _, s tunnel.Stream) { s.Reset() },
	"tunnel loss":  func(e *ends, _, _ tunnel.Stream) { e.lose() },
	"tunnel close": func(e *ends, _, _ tunnel.Stream) { e.tn.Close() },
}

func wakesWriters(t *testing.T, make_ Maker) {
	for name, end := range wakers {
		t.Run(name, func(t *testing.T) {
			e := both(t, make_)
			c, s := e.stream(t)
			full(t, c)
			done := make(chan error, 1)
			go func() {
				_, err := c.Write(make([]byte, 4<<20))
				done <- err
			}()
			end(e, c, s)
			within(t, "blocked write", func() {
				if err := <-done; err == nil {
					t.Error("the write succeeded")
				}
			})
		})
	}
}

func wakesReaders(t *testing.T, make_ Maker) {
	for name, end := range wakers {
		t.Run(name, func(t *testing.T) {
			e := both(t, make_)
			c, s := e.stream(t)
			done := make(chan error, 1)
			go func() {
				_, err := c.Read(make([]byte, 1))
				done <- err
			}()
			end(e, c, s)
			within(t, "blocked read", func() {
				if err := <-done; err == nil || err == io.EOF {
					t.Errorf("got %v", err)
				}
			})
		})
	}
}

// deadlines: waits fail and the stream goes on, also a write that was cut short.
func deadlines(t *testing.T, make_ Maker) {
	c, s := both(t, make_).stream(t)
	if err := c.SetReadDeadline(time.Now().Add(10 * time.Millisecond)); err != nil {
		t.Fatal(err)
	}
	if _, err := c.Read(make([]byte, 1)); !errors.Is(err, os.ErrDeadlineExceeded) {
		t.Errorf("read: %v", err)
	}
	if err := c.SetReadDeadline(time.Time{}); err != nil {
		t.Fatal(err)
	}
	taken, rest := full(t, c)
	taken += len(rest)
	got := make(chan int, 1)
	go func() {
		b, err := io.ReadAll(s)
		if err != nil {
			t.Error(err)
		}
		got <- len(b)
	}()
	if _, err := c.Write(rest); err != nil {
		t.Error(err)
	}
	write(t, c, "the rest")
	if err := c.CloseWrite(); err != nil {
		t.Fatal(err)
	}
	if n := <-got; n != taken+len("the rest") {
		t.Errorf("read %d bytes, want %d", n, taken+len("the rest"))
	}
	write(t, s, "still there")
	b := make([]byte, 11)
	if _, err := io.ReadFull(c, b); err != nil || string(b) != "still there" {
		t.Errorf("read %q, %v", b, err)
	}
}

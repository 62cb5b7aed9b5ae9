package h2

import (
	"bytes"
	"context"
	"errors"
	"io"
	"math/rand/v2"
	"net"
	"testing"

	"golang.org/x/net/http2"

	"github.com/bulkhead-mesh/bulkhead/proxy/hbone"
	"github.com/bulkhead-mesh/bulkhead/proxy/tunnel"
)

func TestLargeEcho(t *testing.T) {
	tn, _ := pair(t, Options{}, echo)
	s := open(t, tn)
	sent := make([]byte, 20<<20)
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

// Either end resets, the other one sees it in Read and Write, at once.
func TestReset(t *testing.T) {
	tn, _, a := acceptPair(t, Options{})
	for _, by := range []string{"client", "server"} {
		t.Run(by, func(t *testing.T) {
			from, to := open(t, tn), a.next(t)
			if by == "server" {
				from, to = to, from
			}
			write(t, from, "lost")
			from.Reset()
			within(t, "read after reset", func() {
				_, err := io.Copy(io.Discard, to)
				wantReset(t, err, http2.ErrCodeConnect)
			})
			_, err := to.Write([]byte("x"))
			wantReset(t, err, http2.ErrCodeConnect)
			if _, err := from.Read(make([]byte, 1)); !errors.Is(err, net.ErrClosed) {
				t.Errorf("own read after reset: %v", err)
			}
			if _, err := from.Write([]byte("x")); !errors.Is(err, net.ErrClosed) {
				t.Errorf("own write after reset: %v", err)
			}
		})
	}
}

func TestCloseOfUnfinishedResets(t *testing.T) {
	tn, _, a := acceptPair(t, Options{})
	c, s := open(t, tn), a.next(t)
	s.Close()
	_, err := c.Read(make([]byte, 1))
	wantReset(t, err, http2.ErrCodeCancel)
}

// stuff writes until the window is full and returns what the blocked Write
// ended with.
func stuff(s tunnel.Stream) <-chan error {
	err := make(chan error, 1)
	go func() {
		_, e := s.Write(make([]byte, 4<<20))
		err <- e
	}()
	return err
}

// blocked waits until the writer of s waits for its window.
func blocked(t *testing.T, s tunnel.Stream) {
	t.Helper()
	st := s.(*stream)
	waitFor(t, "the window to fill", func() bool {
		st.c.mu.Lock()
		defer st.c.mu.Unlock()
		return len(st.out) > 0 && st.sendWindow == 0
	})
}

func TestBlockedWriteWakes(t *testing.T) {
	for name, end := range map[string]func(c, s tunnel.Stream, tn tunnel.Tunnel){
		"own reset":    func(c, s tunnel.Stream, tn tunnel.Tunnel) { c.Reset() },
		"own close":    func(c, s tunnel.Stream, tn tunnel.Tunnel) { c.Close() },
		"peer's reset": func(c, s tunnel.Stream, tn tunnel.Tunnel) { s.Reset() },
		"tunnel loss":  func(c, s tunnel.Stream, tn tunnel.Tunnel) { tn.(*conn).nc.Close() },
		"tunnel close": func(c, s tunnel.Stream, tn tunnel.Tunnel) { tn.Close() },
	} {
		t.Run(name, func(t *testing.T) {
			tn, _, a := acceptPair(t, Options{})
			c, s := open(t, tn), a.next(t)
			done := stuff(c)
			blocked(t, c)
			end(c, s, tn)
			within(t, "blocked write", func() {
				if err := <-done; err == nil {
					t.Error("the write succeeded")
				}
			})
		})
	}
}

func TestBlockedReadWakes(t *testing.T) {
	for name, end := range map[string]func(c, s tunnel.Stream, tn tunnel.Tunnel){
		"own reset":    func(c, s tunnel.Stream, tn tunnel.Tunnel) { c.Reset() },
		"own close":    func(c, s tunnel.Stream, tn tunnel.Tunnel) { c.Close() },
		"tunnel loss":  func(c, s tunnel.Stream, tn tunnel.Tunnel) { tn.(*conn).nc.Close() },
		"tunnel close": func(c, s tunnel.Stream, tn tunnel.Tunnel) { tn.Close() },
	} {
		t.Run(name, func(t *testing.T) {
			tn, _, a := acceptPair(t, Options{})
			c, s := open(t, tn), a.next(t)
			done := make(chan error, 1)
			go func() {
				_, err := c.Read(make([]byte, 1))
				done <- err
			}()
			end(c, s, tn)
			within(t, "blocked read", func() {
				if err := <-done; err == nil || err == io.EOF {
					t.Errorf("got %v", err)
				}
			})
		})
	}
}

// What has arrived stays readable when the tunnel goes.
// Conformance 57: of an unfinished answer the bytes and then the loss, of a finished one all.
func TestReadBufferedAfterLoss(t *testing.T) {
	tn, _, a := acceptPair(t, Options{})
	unfinished, s1 := open(t, tn), a.next(t)
	finished, s2 := open(t, tn), a.next(t)
	write(t, s1, "half")
	write(t, s2, "whole")
	s2.CloseWrite()
	waitFor(t, "the bytes to arrive", func() bool {
		return arrived(unfinished) == 4 && arrived(finished) == 5 && atEnd(finished)
	})
	tn.Close()
	b, err := io.ReadAll(unfinished)
	if string(b) != "half" {
		t.Errorf("read %q", b)
	}
	wantLost(t, err)
	if got := readAll(t, finished); got != "whole" {
		t.Errorf("read %q", got)
	}
}

func arrived(s tunnel.Stream) (n int) {
	b := &s.(*stream).in
	b.mu.Lock()
	defer b.mu.Unlock()
	for k := b.head; k != nil; k = k.next {
		n += k.w - k.r
	}
	return n
}

func atEnd(s tunnel.Stream) bool {
	b := &s.(*stream).in
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.ended
}

// RFC 9113 section 8.1: RST_STREAM(NO_ERROR) after END_STREAM stops the sender
// and takes nothing from the reader.
func TestNoErrorResetKeepsTheAnswer(t *testing.T) {
	w, tn := wireToClient(t, Options{})
	type opened struct {
		s   tunnel.Stream
		err error
	}
	come := make(chan opened, 1)
	go func() {
		s, _, err := tn.Open(context.Background(), target)
		come <- opened{s, err}
	}()
	read[*http2.MetaHeadersFrame](w)
	w.headers(1, false, ":status", "200")
	o := <-come
	if o.err != nil {
		t.Fatal(o.err)
	}
	defer o.s.Close()
	w.must(w.fr.WriteData(1, true, []byte("all of it")))
	w.must(w.fr.WriteRSTStream(1, http2.ErrCodeNo))
	waitFor(t, "the reset", func() bool {
		s := o.s.(*stream)
		s.c.mu.Lock()
		defer s.c.mu.Unlock()
		return s.gone
	})
	if n, err := o.s.Write([]byte("unwanted")); n != 8 || err != nil {
		t.Errorf("Write: %d, %v", n, err) // an error would make a relay cut the answer off
	}
	if err := o.s.CloseWrite(); err != nil {
		t.Errorf("CloseWrite: %v", err)
	}
	if got := readAll(t, o.s); got != "all of it" {
		t.Errorf("read %q", got)
	}
}

// A write in progress takes END_STREAM along when CloseWrite comes meanwhile.
func TestCloseWriteDuringWrite(t *testing.T) {
	tn, _, a := acceptPair(t, Options{})
	c, s := open(t, tn), a.next(t)
	done := stuff(c)
	blocked(t, c)
	c.CloseWrite()
	if n := len(readAll(t, s)); n != 4<<20 {
		t.Errorf("read %d bytes", n)
	}
	if err := <-done; err != nil {
		t.Error(err)
	}
}

func TestWriteToFailsWithItsWriter(t *testing.T) {
	tn, _ := pair(t, Options{}, func(in tunnel.Incoming) {
		s, err := in.Accept(hbone.Header{})
		if err == nil {
			io.WriteString(s, "x")
			<-in.Context().Done()
		}
	})
	s := open(t, tn)
	if _, err := io.Copy(brokenWriter{}, s); err != io.ErrShortWrite {
		t.Errorf("got %v", err)
	}
}

type brokenWriter struct{}

func (brokenWriter) Write([]byte) (int, error) { return 0, io.ErrShortWrite }

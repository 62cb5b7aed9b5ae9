package h2

import (
	"context"
	"errors"
	"io"
	"testing"
	"time"

	"golang.org/x/net/http2"

	"github.com/bulkhead-mesh/bulkhead/proxy/tunnel"
)

// The server drains: what is open finishes, what comes is refused, and both ends
// close when the last stream has ended.
// Conformance 97: open streams end by themselves.
func TestServerDrains(t *testing.T) {
	tn, s, a := acceptPair(t, Options{})
	c, far := open(t, tn), a.next(t)
	s.drain()
	waitFor(t, "GOAWAY", func() bool { return !tn.Usable() })
	var refused *tunnel.RefusedError
	if _, _, err := tn.Open(context.Background(), target); !errors.As(err, &refused) || refused.Reason != tunnel.GoAway {
		t.Errorf("open after GOAWAY: %v", err)
	}
	write(t, c, "question")
	c.CloseWrite()
	if got := readAll(t, far); got != "question" {
		t.Errorf("read %q", got)
	}
	write(t, far, "answer")
	far.CloseWrite()
	if got := readAll(t, c); got != "answer" {
		t.Errorf("read %q", got)
	}
	a.release()
	within(t, "the tunnel to end", func() { <-tn.Done() })
	if err := s.wait(t); err != nil {
		t.Errorf("Serve returned %v", err)
	}
}

// A stream that crosses with the GOAWAY is refused, and HPACK keeps in step.
// Conformance 53: what came too late was not begun.
func TestStreamsAfterGoAwayAreRefused(t *testing.T) {
	a := &accepted{streams: make(chan tunnel.Stream, 10), done: make(chan struct{})}
	w, s := wireToServer(t, Options{}, a.handle)
	t.Cleanup(a.release)
	stream := acceptOn(w, a, 1)
	s.drain()
	if f := read[*http2.GoAwayFrame](w); f.LastStreamID != 1 || f.ErrCode != http2.ErrCodeNo {
		t.Errorf("got %v", f)
	}
	w.connect(3)
	w.wantReset(3, http2.ErrCodeRefusedStream)
	write(t, stream, "x")
	w.receive(1, 1)
}

func TestDrainOfAnIdleServer(t *testing.T) {
	tn, s := pair(t, Options{}, echo)
	s.drain()
	within(t, "the tunnel to end", func() { <-tn.Done() })
	if err := s.wait(t); err != nil {
		t.Errorf("Serve returned %v", err)
	}
}

func TestClientDrains(t *testing.T) {
	tn, s, a := acceptPair(t, Options{})
	c, far := open(t, tn), a.next(t)
	tn.Drain()
	if tn.Usable() {
		t.Error("usable")
	}
	write(t, far, "late")
	far.CloseWrite()
	if got := readAll(t, c); got != "late" {
		t.Errorf("read %q", got)
	}
	c.CloseWrite()
	readAll(t, far)
	a.release()
	within(t, "the tunnel to end", func() { <-tn.Done() })
	if err := s.wait(t); err != nil {
		t.Errorf("Serve returned %v", err)
	}
}

// The last bytes before an orderly end arrive, however slowly they are read.
func TestOrderlyEndLosesNothing(t *testing.T) {
	const size = 8 << 20
	tn, s := pair(t, Options{StreamWindow: size}, func(in tunnel.Incoming) {
		if s, err := in.Accept(target.Header); err == nil {
			io.Copy(io.Discard, s)
			s.Write(make([]byte, size))
			s.CloseWrite()
			s.Close()
		}
	})
	c := open(t, tn)
	c.CloseWrite()
	s.drain()
	s.wait(t)
	if n := len(readAll(t, c)); n != size {
		t.Errorf("%d bytes of %d", n, size)
	}
}

func TestCloseResetsStreams(t *testing.T) {
	tn, s, a := acceptPair(t, Options{})
	c, far := open(t, tn), a.next(t)
	tn.Close()
	_, err := c.Read(make([]byte, 1))
	wantLost(t, err)
	_, err = far.Read(make([]byte, 1))
	wantLost(t, err)
	a.release()
	if err := s.wait(t); err == nil {
		t.Error("Serve returned nil although a stream was lost")
	}
}

// GOAWAY with an error, and then the end: the reason is not lost.
func TestGoAwayWithError(t *testing.T) {
	w, tn := wireToClient(t, Options{})
	go tn.Open(context.Background(), target)
	read[*http2.MetaHeadersFrame](w)
	w.must(w.fr.WriteGoAway(1, http2.ErrCodeEnhanceYourCalm, []byte("too fast")))
	waitFor(t, "GOAWAY", func() bool { return !tn.Usable() })
	w.c.Close()
	<-tn.Done()
	var ce *ConnError
	if _, _, err := tn.Open(context.Background(), target); !errors.As(err, &ce) || ce.Local || ce.Code != http2.ErrCodeEnhanceYourCalm || ce.Reason != "too fast" {
		t.Errorf("got %v", err)
	}
}

// Streams up to the last one of the GOAWAY go on.
func TestGoAwaySparesOlderStreams(t *testing.T) {
	w, tn := wireToClient(t, Options{})
	type opened struct {
		s   tunnel.Stream
		err error
	}
	come := make(chan opened, 2)
	for id := uint32(1); id <= 3; id += 2 {
		go func() {
			s, _, err := tn.Open(context.Background(), target)
			come <- opened{s, err}
		}()
		read[*http2.MetaHeadersFrame](w)
	}
	w.must(w.fr.WriteGoAway(1, http2.ErrCodeNo, nil))
	var refused *tunnel.RefusedError
	if o := <-come; !errors.As(o.err, &refused) {
		t.Errorf("stream 3: %v", o.err)
	}
	w.headers(1, false, ":status", "200")
	o := <-come
	if o.err != nil {
		t.Fatalf("stream 1: %v", o.err)
	}
	w.must(w.fr.WriteData(1, true, []byte("served")))
	if got := readAll(t, o.s); got != "served" {
		t.Errorf("read %q", got)
	}
	o.s.Close()
}

// Serve notices when its connection is closed under it: the way to force an end.
func TestServeEndsWithItsConnection(t *testing.T) {
	cc, sc := loopback(t)
	s := serve(Options{}, sc, func(in tunnel.Incoming) { <-in.Context().Done() })
	defer s.drain()
	tn, err := New(Options{}).Client(context.Background(), cc)
	if err != nil {
		t.Fatal(err)
	}
	defer tn.Close()
	go tn.Open(context.Background(), target)
	waitFor(t, "the stream", func() bool { c := tn.(*conn); c.mu.Lock(); defer c.mu.Unlock(); return len(c.streams) == 1 })
	sc.Close()
	if err := s.wait(t); err == nil {
		t.Error("Serve returned nil")
	}
}

// A client that is closed while it works does not wait for a peer that is gone.
func TestCloseIsBounded(t *testing.T) {
	w, tn := wireToClient(t, Options{LingerTimeout: 50 * time.Millisecond})
	go tn.Open(context.Background(), target)
	read[*http2.MetaHeadersFrame](w) // and from here on the peer does nothing
	within(t, "Close", func() { tn.Close() })
}

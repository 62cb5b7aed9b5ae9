package h2

import (
	"context"
	"io"
	"sync"
	"testing"

	"golang.org/x/net/http2"

	"github.com/bulkhead-mesh/bulkhead/proxy/tunnel"
)

// One stream whose reader stalls must not hold up the others: 50 of them move
// 1 MiB each way meanwhile, far more than any window.
func TestAStalledStreamStopsNoOther(t *testing.T) {
	for _, stalls := range []string{"server", "client"} {
		t.Run(stalls, func(t *testing.T) {
			tn, _, a := acceptPair(t, Options{})
			from, to := open(t, tn), a.next(t)
			if stalls == "client" {
				from, to = to, from
			}
			stuffed := stuff(from)
			blocked(t, from)
			var g sync.WaitGroup
			for range 50 {
				c, s := open(t, tn), a.next(t)
				g.Go(func() { transfer(t, c, s) })
				g.Go(func() { transfer(t, s, c) })
			}
			within(t, "the other streams", g.Wait)
			if n, err := io.CopyN(io.Discard, to, 4<<20); err != nil {
				t.Errorf("the stalled stream then gave %d bytes, %v", n, err)
			}
			if err := <-stuffed; err != nil {
				t.Error(err)
			}
		})
	}
}

// Nor must many that stall together, who have had more than the whole window of
// the connection between them. Giving connection credit back on reading would
// stop everything here.
func TestManyStalledStreamsStopNoOther(t *testing.T) {
	tn, _, a := acceptPair(t, Options{})
	var stuffed []<-chan error
	for range connWindow/streamWindow + 5 {
		c := open(t, tn)
		a.next(t)
		stuffed = append(stuffed, stuff(c))
		blocked(t, c)
	}
	var g sync.WaitGroup
	for range 20 {
		c, s := open(t, tn), a.next(t)
		g.Go(func() { transfer(t, c, s) })
		g.Go(func() { transfer(t, s, c) })
	}
	within(t, "the other streams", g.Wait)
	tn.Close()
	for _, err := range stuffed {
		wantLost(t, <-err)
	}
}

func transfer(t *testing.T, from, to tunnel.Stream) {
	done := make(chan error, 1)
	go func() {
		_, err := from.Write(make([]byte, 1<<20))
		done <- err
	}()
	if _, err := io.CopyN(io.Discard, to, 1<<20); err != nil {
		t.Errorf("read: %v", err)
	}
	if err := <-done; err != nil {
		t.Errorf("write: %v", err)
	}
}

// What a stalled stream can cost is its window and the rounding to chunks.
func TestAStalledStreamCostsItsWindow(t *testing.T) {
	tn, _, a := acceptPair(t, Options{StreamWindow: 100_000})
	c, s := open(t, tn), a.next(t)
	stuff(c)
	blocked(t, c)
	waitFor(t, "the window to arrive", func() bool { return arrived(s) == 100_000 })
	b := &s.(*stream).in
	b.mu.Lock()
	defer b.mu.Unlock()
	held := 0
	for k := b.head; k != nil; k = k.next {
		held += chunkSize
	}
	if held > 100_000+2*chunkSize {
		t.Errorf("holds %d bytes for a window of 100,000", held)
	}
}

// Small frames share chunks.
func TestSmallFramesShareMemory(t *testing.T) {
	var b inbox
	b.init(1<<20, nil)
	for range 100_000 {
		b.write([]byte{1})
	}
	n := 0
	for k := b.head; k != nil; k = k.next {
		n++
	}
	if n > 100_000/chunkSize+1 {
		t.Errorf("%d chunks", n)
	}
	b.fail(io.EOF, true)
}

// accept serves one stream of a wire and hands it over.
func acceptOn(w *wire, a *accepted, id uint32) tunnel.Stream {
	w.t.Helper()
	w.connect(id)
	w.wantStatus(id, "200", false)
	return a.next(w.t)
}

func wireAccepting(t *testing.T, o Options) (*wire, *accepted) {
	a := &accepted{streams: make(chan tunnel.Stream, 1000), done: make(chan struct{})}
	w, _ := wireToServer(t, o, a.handle)
	t.Cleanup(a.release)
	return w, a
}

// The settings of the peer rule what is sent, also in the middle of a stream and
// down into a negative window (RFC 9113 section 6.9.2).
func TestInitialWindowSizeMovesOpenStreams(t *testing.T) {
	w, a := wireAccepting(t, Options{})
	s := acceptOn(w, a, 1)
	done := stuff(s)
	w.receive(1, initialWindow)
	w.must(w.fr.WriteSettings(http2.Setting{ID: http2.SettingInitialWindowSize, Val: 1000}))
	read[*http2.SettingsFrame](w) // ack: the window is now 1,000 - 65,535
	w.must(w.fr.WriteWindowUpdate(0, 1<<30))
	w.must(w.fr.WriteWindowUpdate(1, initialWindow-1000))
	w.must(w.fr.WritePing(false, [8]byte{1}))
	for {
		f, err := w.fr.ReadFrame()
		w.must(err)
		if _, ok := f.(*http2.DataFrame); ok {
			t.Fatal("DATA without a window")
		}
		if _, ok := f.(*http2.PingFrame); ok {
			break
		}
	}
	w.must(w.fr.WriteWindowUpdate(1, 7))
	w.receive(1, 7)
	w.must(w.fr.WriteSettings(http2.Setting{ID: http2.SettingInitialWindowSize, Val: 5 << 20}))
	w.receive(1, 4<<20-initialWindow-7)
	if err := <-done; err != nil {
		t.Error(err)
	}
}

// receive reads exactly n bytes of DATA of a stream.
func (w *wire) receive(id uint32, n int) {
	w.t.Helper()
	for n > 0 {
		f := read[*http2.DataFrame](w)
		if f.StreamID != id {
			w.t.Fatalf("DATA of stream %d", f.StreamID)
		}
		if len(f.Data()) > minFrameSize {
			w.t.Fatalf("DATA of %d bytes, more than the peer takes", len(f.Data()))
		}
		n -= len(f.Data())
	}
	if n < 0 {
		w.t.Fatalf("%d bytes more than the window", -n)
	}
}

func TestConnectionWindowIsRespected(t *testing.T) {
	w, a := wireAccepting(t, Options{})
	w.must(w.fr.WriteSettings(http2.Setting{ID: http2.SettingInitialWindowSize, Val: 1 << 20}))
	s := acceptOn(w, a, 1)
	done := stuff(s)
	w.receive(1, initialWindow)
	s2 := acceptOn(w, a, 3)
	s2.CloseWrite() // END_STREAM needs no window
	if f := read[*http2.DataFrame](w); f.StreamID != 3 || !f.StreamEnded() || len(f.Data()) != 0 {
		t.Errorf("got %v", f)
	}
	w.must(w.fr.WriteWindowUpdate(0, 100))
	w.receive(1, 100)
	s.Reset()
	<-done
}

func TestWindowsAreEnforced(t *testing.T) {
	t.Run("stream", func(t *testing.T) {
		w, a := wireAccepting(t, Options{StreamWindow: initialWindow})
		s := acceptOn(w, a, 1)
		for range 4 {
			w.must(w.fr.WriteData(1, false, make([]byte, minFrameSize)))
		}
		w.wantReset(1, http2.ErrCodeFlowControl)
		if _, err := io.Copy(io.Discard, s); err == nil {
			t.Error("the stream ended in order")
		}
		acceptOn(w, a, 3) // the tunnel goes on
	})
	t.Run("connection", func(t *testing.T) {
		c := newConn(nil, Options{}.resolved(), nil)
		if err := c.arrive(nil, connWindow+1); err == nil {
			t.Error("no error")
		}
	})
	t.Run("overflow of a stream's", func(t *testing.T) {
		w, a := wireAccepting(t, Options{})
		acceptOn(w, a, 1)
		w.must(w.fr.WriteWindowUpdate(1, maxWindow))
		w.wantReset(1, http2.ErrCodeFlowControl)
	})
	t.Run("overflow of the connection's", func(t *testing.T) {
		w, _ := wireAccepting(t, Options{})
		w.must(w.fr.WriteWindowUpdate(0, maxWindow))
		w.wantGoAway(http2.ErrCodeFlowControl)
	})
	t.Run("zero increment", func(t *testing.T) {
		w, _ := wireAccepting(t, Options{})
		w.must(w.fr.WriteWindowUpdate(0, 0))
		w.wantGoAway(http2.ErrCodeProtocol)
	})
}

// Padding and DATA that nobody wants count, and are given back.
func TestUnwantedBytesAreGivenBack(t *testing.T) {
	w, a := wireAccepting(t, Options{StreamWindow: initialWindow})
	s := acceptOn(w, a, 1)
	go func() { // 600 frames of a byte and 255 of padding: far more than the window
		for range 600 {
			w.fr.WriteDataPadded(1, false, []byte{1}, make([]byte, 254))
			if w.fr.WriteDataPadded(1, false, nil, make([]byte, 255)) != nil {
				return
			}
		}
		w.fr.WriteData(1, true, nil)
	}()
	go io.Copy(io.Discard, w.c)
	if n := len(readAll(t, s)); n != 600 {
		t.Errorf("read %d bytes", n)
	}
}

func TestResetStreamsGiveTheirCreditBack(t *testing.T) {
	tn, _ := pair(t, Options{}, func(in tunnel.Incoming) { // answers, and hangs up at once
		if s, err := in.Accept(target.Header); err == nil {
			s.Reset()
		}
	})
	for range 300 { // 300 × 256 KiB is more than the connection's window
		s, _, err := tn.Open(context.Background(), target)
		if err != nil {
			continue // the reset came with the answer
		}
		s.Write(make([]byte, 256<<10))
		s.Close()
	}
	within(t, "a stream after them", func() {
		if _, _, err := tn.Open(context.Background(), target); err != nil {
			return // reset as the others; what counts is that it was served
		}
	})
}

// One frame of each stream in turn.
func TestStreamsTakeTurns(t *testing.T) {
	w, a := wireAccepting(t, Options{})
	w.must(w.fr.WriteSettings(http2.Setting{ID: http2.SettingInitialWindowSize, Val: 4 << 20}))
	var done []<-chan error
	first := acceptOn(w, a, 1)
	done = append(done, stuff(first))
	w.receive(1, initialWindow) // uses up the connection's window
	for id := uint32(3); id <= 5; id += 2 {
		s := acceptOn(w, a, id)
		done = append(done, stuff(s))
		waitFor(t, "the stream to want to send", func() bool {
			c := s.(*stream).c
			c.mu.Lock()
			defer c.mu.Unlock()
			return s.(*stream).waiting
		})
	}
	w.must(w.fr.WriteWindowUpdate(0, 30*dataSize))
	seen := make(map[uint32]int)
	for range 30 {
		seen[read[*http2.DataFrame](w).StreamID]++
	}
	for id := uint32(1); id <= 5; id += 2 {
		if seen[id] != 10 {
			t.Errorf("stream %d sent %d of 30 frames", id, seen[id])
		}
	}
	w.c.Close()
	for _, d := range done {
		<-d
	}
}

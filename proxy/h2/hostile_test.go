package h2

import (
	"context"
	"errors"
	"io"
	"net"
	"runtime"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"go.uber.org/goleak"
	"golang.org/x/net/http2"

	"github.com/bulkhead-mesh/bulkhead/proxy/tunnel"
)

// The stage of every attack: one transport with two tunnels, both accepted or both
// dialled by it. In one the peer is honest and its stream beats all the time; the
// other's peer is made of frames. There, stream 1 echoes and stream 3 is closed.

// The authorities of streams 1 and 3; the attacks' own streams have another one.
const neighbour, closed = "10.0.0.7:7", "10.0.0.7:3"

// most is what an attack may make the process hold. A leak of a hundred bytes for each
// frame of a flood is far above it, what a tunnel may cost by its limits far below.
const most = 64 << 20

type scene struct {
	*wire               // the hostile peer
	end   func() error  // waits for the end of its tunnel and says why
	tn    tunnel.Tunnel // dialling: its tunnel
	base  int64         // memory in use before
	peak  atomic.Int64

	calm   chan struct{}  // closed at our GOAWAY, or the end
	echoed chan struct{}  // a byte on stream 1
	got    atomic.Int64   // bytes on other streams
	heads  chan uint32    // HEADERS
	resets chan uint32    // RST_STREAM
	heard  sync.WaitGroup // the goroutines of the peer
	deaf   atomic.Bool    // it reads no more
	hear   chan struct{}  // closed when the test ends
	conns  func() (theirs, ours net.Conn)
}

// bothEnds stages an attack that needs no request of its own against either end.
func bothEnds(t *testing.T, o Options, attack func(t *testing.T, s *scene)) {
	t.Run("we accept", func(t *testing.T) { attack(t, accepting(t, o, idle)) })
	t.Run("we dial", func(t *testing.T) { attack(t, dialling(t, o)) })
}

// idle is a handler that never answers.
func idle(in tunnel.Incoming) { <-in.Context().Done() }

func stage(t testing.TB) *scene {
	alive := goleak.IgnoreCurrent()
	t.Cleanup(func() { goleak.VerifyNone(t, alive) })
	s := &scene{
		calm:   make(chan struct{}),
		echoed: make(chan struct{}, 1000),
		heads:  make(chan uint32, 1000),
		resets: make(chan uint32, 1000),
		hear:   make(chan struct{}),
		conns:  func() (theirs, ours net.Conn) { return loopback(t) },
	}
	t.Cleanup(func() { s.heard.Wait() })
	return s
}

// accepting stages an attack on the accepting end, where h serves its streams.
func accepting(t testing.TB, o Options, h tunnel.Handler) *scene {
	return acceptingOver(t, nil, o, h)
}

func acceptingOver(t testing.TB, ends func() (theirs, ours net.Conn), o Options, h tunnel.Handler) *scene {
	s, tr := stage(t), New(o)
	if ends != nil {
		s.conns = ends
	}
	nc, _ := s.serve(t, tr, echo)
	s.honest(t, New(Options{}), nc)
	nc, served := s.serve(t, tr, func(in tunnel.Incoming) {
		switch in.Head().RawAuthority {
		case neighbour:
			echo(in)
		case closed:
			idle(in)
		default:
			h(in)
		}
	})
	s.wire, s.end = newWire(t, nc), func() error { return served.wait(t) }
	_, err := io.WriteString(nc, http2.ClientPreface)
	s.must(err)
	s.must(s.fr.WriteSettings())
	s.heard.Go(s.listen)
	t.Cleanup(func() { close(s.hear) })
	s.headers(1, false, ":method", "CONNECT", ":authority", neighbour)
	s.beat()
	s.headers(3, false, ":method", "CONNECT", ":authority", closed)
	s.must(s.fr.WriteRSTStream(3, http2.ErrCodeCancel))
	return s
}

// serve runs an accepting end and returns its peer's connection.
func (s *scene) serve(t testing.TB, tr tunnel.Transport, h tunnel.Handler) (net.Conn, *served) {
	cc, sc := s.conns()
	ctx, drain := context.WithCancel(context.Background())
	end := &served{drain, make(chan error, 1)}
	go func() { end.err <- tr.Serve(ctx, sc, h) }()
	t.Cleanup(func() {
		cc.Close()
		end.wait(t)
		drain()
	})
	return cc, end
}

// dialling stages an attack on the dialling end.
func dialling(t testing.TB, o Options) *scene {
	s, tr := stage(t), New(o)
	nc, _ := s.serve(t, New(Options{}), echo)
	s.honest(t, tr, nc)
	cc, sc := loopback(t)
	s.wire = newWire(t, sc)
	s.must(s.fr.WriteSettings())
	tn, err := tr.Client(context.Background(), cc)
	s.must(err)
	s.tn = tn
	t.Cleanup(func() {
		sc.Close()
		tn.Close()
	})
	s.end = func() error {
		within(t, "the end of the tunnel", func() { <-tn.Done() })
		_, _, err := tn.Open(context.Background(), target)
		return err
	}
	_, err = io.ReadFull(sc, make([]byte, len(http2.ClientPreface)))
	s.must(err)
	s.heard.Go(s.listen)
	t.Cleanup(func() { close(s.hear) })
	near := s.answered()
	s.heard.Go(func() {
		_, _ = io.Copy(near, near)
		near.Close()
	})
	gone := s.answered()
	s.must(s.fr.WriteRSTStream(3, http2.ErrCodeCancel))
	_, err = gone.Read(make([]byte, 1))
	wantReset(t, err, http2.ErrCodeCancel)
	gone.Close()
	s.beat()
	return s
}

// ask makes the dialling end open a stream, and returns when its HEADERS have come.
func (s *scene) ask() (id uint32, opened <-chan tunnel.Stream) {
	come := make(chan tunnel.Stream, 1)
	s.heard.Go(func() {
		st, _, _ := s.tn.Open(context.Background(), target)
		come <- st
	})
	return <-s.heads, come
}

// answered is ask with an answer.
func (s *scene) answered() tunnel.Stream {
	s.t.Helper()
	id, opened := s.ask()
	s.headers(id, false, ":status", "200")
	st := <-opened
	if st == nil {
		s.t.Fatalf("stream %d was not opened", id)
	}
	return st
}

// honest opens the other tunnel's stream, which beats until the test ends.
func (s *scene) honest(t testing.TB, tr tunnel.Transport, nc net.Conn) {
	tn, err := tr.Client(context.Background(), nc)
	if err != nil {
		t.Fatal(err)
	}
	st, _, err := tn.Open(context.Background(), target)
	if err != nil {
		t.Fatal(err)
	}
	s.base = inUse()
	stop, stopped := make(chan struct{}), make(chan struct{})
	go func() {
		defer close(stopped)
		b := make([]byte, 64)
		for {
			_, err := st.Write(b)
			if err == nil {
				_, err = io.ReadFull(st, b)
			}
			if err != nil {
				t.Errorf("the honest stream: %v", err)
				return
			}
			var m runtime.MemStats
			runtime.ReadMemStats(&m)
			s.peak.Store(max(s.peak.Load(), int64(m.HeapAlloc+m.StackInuse)-s.base))
			select {
			case <-stop:
				return
			case <-time.After(time.Millisecond):
			}
		}
	}()
	t.Cleanup(func() {
		close(stop)
		within(t, "the honest stream", func() { <-stopped })
		if p := s.peak.Load(); p > most {
			t.Errorf("memory grew by %d bytes, garbage included", p)
		}
		st.Close()
		tn.Close()
	})
}

func inUse() int64 {
	runtime.GC()
	var m runtime.MemStats
	runtime.ReadMemStats(&m)
	return int64(m.HeapAlloc + m.StackInuse)
}

// listen reads what our end says until its connection ends.
func (s *scene) listen() {
	defer func() {
		select {
		case <-s.calm:
		default:
			close(s.calm)
		}
	}()
	for {
		f, err := s.fr.ReadFrame()
		if s.deaf.Load() {
			<-s.hear
		}
		if err != nil {
			return
		}
		switch f := f.(type) {
		case *http2.MetaHeadersFrame:
			offer(s.heads, f.StreamID)
		case *http2.RSTStreamFrame:
			offer(s.resets, f.StreamID)
		case *http2.DataFrame:
			if f.StreamID == 1 {
				for range f.Data() {
					offer(s.echoed, struct{}{})
				}
				continue
			}
			s.got.Add(int64(len(f.Data())))
		case *http2.GoAwayFrame:
			close(s.calm)
			_, _ = io.Copy(io.Discard, s.c)
			return
		}
	}
}

// offer does not wait: what nobody looks at must not stop the reading.
func offer[T any](c chan<- T, v T) {
	select {
	case c <- v:
	default:
	}
}

// beat: stream 1 lives.
func (s *scene) beat() {
	s.t.Helper()
	s.must(s.fr.WriteData(1, false, []byte("x")))
	select {
	case <-s.echoed:
	case <-s.calm:
		s.t.Fatalf("the tunnel ended: %v", s.end())
	case <-time.After(hang):
		s.t.Fatal("hang: the neighbour in the same tunnel")
	}
}

// ends floods until the tunnel ends, which must be by our word and with this code.
func (s *scene) ends(code http2.ErrCode, send func(i uint32) error) {
	s.t.Helper()
	for i := range uint32(1_000_000) {
		select {
		case <-s.calm:
			s.over(code)
			return
		default:
		}
		if send(i) != nil {
			break
		}
	}
	select {
	case <-s.calm:
	case <-time.After(hang):
		s.t.Fatal("hang: the tunnel bears it")
	}
	s.over(code)
}

func (s *scene) over(code http2.ErrCode) {
	s.t.Helper()
	s.c.Close()
	err := s.end()
	var ce *ConnError
	if !errors.As(err, &ce) || !ce.Local || ce.Code != code {
		s.t.Errorf("the tunnel ended with %v, want %v", err, code)
	}
}

// bears sends n times, and the tunnel and its neighbour go on.
func (s *scene) bears(n uint32, send func(i uint32) error) {
	s.t.Helper()
	for i := range n {
		if err := send(i); err != nil {
			s.t.Fatalf("after %d: %v (%v)", i, err, s.end())
		}
		if i%(n/8+1) == 0 {
			s.beat()
		}
	}
	s.beat()
	if grown := inUse() - s.base; grown > most/4 {
		s.t.Errorf("holds %d bytes", grown)
	}
}

// open is a CONNECT of the hostile peer, the i-th.
func (s *scene) open(i uint32) (id uint32, err error) {
	id = 5 + 2*i
	return id, s.fr.WriteHeaders(http2.HeadersFrameParam{StreamID: id, BlockFragment: connectBlock, EndHeaders: true})
}

// connectBlock is a CONNECT whose fields are not indexed, so that it can be sent any
// number of times.
var connectBlock = []byte("\x00\x07:method\x07CONNECT\x00\x0a:authority\x0b10.0.0.1:80")

package h2

import (
	"context"
	"errors"
	"io"
	"net"
	"net/netip"
	"sync"
	"testing"
	"time"

	"go.uber.org/goleak"
	"golang.org/x/net/http2"
	"golang.org/x/net/http2/hpack"

	"github.com/bulkhead-mesh/bulkhead/proxy/hbone"
	"github.com/bulkhead-mesh/bulkhead/proxy/tunnel"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// hang is how long a test waits for what must happen; it only passes in a hang.
const hang = 30 * time.Second

var target = hbone.Connect(hbone.FromAddrPort(netip.MustParseAddrPort("10.0.0.1:80")), hbone.Header{})

// loopback returns the two ends of a TCP connection.
func loopback(t testing.TB) (client, server *net.TCPConn) {
	t.Helper()
	l, err := net.ListenTCP("tcp4", &net.TCPAddr{IP: net.IPv4(127, 0, 0, 1)})
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	client, err = net.DialTCP("tcp4", nil, l.Addr().(*net.TCPAddr))
	if err != nil {
		t.Fatal(err)
	}
	server, err = l.AcceptTCP()
	if err != nil {
		t.Fatal(err)
	}
	return client, server
}

// served is a running Serve.
type served struct {
	drain context.CancelFunc
	err   chan error // holds what Serve returned
}

func (s *served) wait(t testing.TB) error {
	t.Helper()
	select {
	case err := <-s.err:
		s.err <- err
		return err
	case <-time.After(hang):
		t.Fatal("Serve did not return")
		return nil
	}
}

func serve(o Options, c net.Conn, h tunnel.Handler) *served {
	ctx, cancel := context.WithCancel(context.Background())
	s := &served{drain: cancel, err: make(chan error, 1)}
	go func() { s.err <- New(o).Serve(ctx, c, h) }()
	return s
}

// pair returns a tunnel to a server that runs h for each stream, over TCP. Both
// are gone when the test ends.
func pair(t testing.TB, o Options, h tunnel.Handler) (tunnel.Tunnel, *served) {
	t.Helper()
	cc, sc := loopback(t)
	s := serve(o, sc, h)
	tn, err := New(o).Client(context.Background(), cc)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		tn.Close()
		sc.Close()
		s.wait(t)
		s.drain()
	})
	return tn, s
}

func open(t testing.TB, tn tunnel.Tunnel) tunnel.Stream {
	t.Helper()
	s, _, err := tn.Open(context.Background(), target)
	if err != nil {
		t.Fatalf("open: %v", err)
	}
	t.Cleanup(func() { s.Close() })
	return s
}

// accepted hands the server's ends of streams to the test. Each handler stays
// until its stream is closed by release, which the test's end calls.
type accepted struct {
	streams chan tunnel.Stream
	done    chan struct{}
	once    sync.Once
}

// acceptPair is pair with a server whose streams the test itself uses.
func acceptPair(t testing.TB, o Options) (tunnel.Tunnel, *served, *accepted) {
	a := &accepted{streams: make(chan tunnel.Stream, 1000), done: make(chan struct{})}
	tn, s := pair(t, o, a.handle)
	t.Cleanup(a.release) // runs before pair's, which waits for the handlers
	return tn, s, a
}

func (a *accepted) release() { a.once.Do(func() { close(a.done) }) }

func (a *accepted) handle(in tunnel.Incoming) {
	s, err := in.Accept(hbone.Header{})
	if err != nil {
		return
	}
	a.streams <- s
	<-a.done
	s.Close()
}

func (a *accepted) next(t testing.TB) tunnel.Stream {
	t.Helper()
	select {
	case s := <-a.streams:
		return s
	case <-time.After(hang):
		t.Fatal("no stream arrived")
		return nil
	}
}

// echo sends back what comes, half-close included.
func echo(in tunnel.Incoming) {
	s, err := in.Accept(hbone.Header{})
	if err != nil {
		return
	}
	defer s.Close()
	if _, err := io.Copy(s, s); err != nil {
		return
	}
	_ = s.CloseWrite()
}

func readAll(t testing.TB, s io.Reader) string {
	t.Helper()
	b, err := io.ReadAll(s)
	if err != nil {
		t.Fatalf("read: %v", err)
	}
	return string(b)
}

func write(t testing.TB, s io.Writer, text string) {
	t.Helper()
	if _, err := io.WriteString(s, text); err != nil {
		t.Fatalf("write: %v", err)
	}
}

func wantReset(t testing.TB, err error, code http2.ErrCode) {
	t.Helper()
	var re *tunnel.ResetError
	if !errors.As(err, &re) || re.Lost != nil || re.Code != uint32(code) {
		t.Errorf("got error %v, want reset with %v", err, code)
	}
}

func wantLost(t testing.TB, err error) {
	t.Helper()
	var re *tunnel.ResetError
	if !errors.As(err, &re) || re.Lost == nil {
		t.Errorf("got error %v, want the loss of the tunnel", err)
	}
}

// within fails the test when f does not return.
func within(t testing.TB, what string, f func()) {
	t.Helper()
	done := make(chan struct{})
	go func() {
		defer close(done)
		f()
	}()
	select {
	case <-done:
	case <-time.After(hang):
		t.Fatalf("hang: %s", what)
	}
}

// wire is a peer made of frames: tests read as a protocol trace.
type wire struct {
	t   testing.TB
	c   net.Conn
	fr  *http2.Framer
	enc *hpack.Encoder
	hb  *headerBuffer
}

type headerBuffer struct{ b []byte }

func (h *headerBuffer) Write(p []byte) (int, error) {
	h.b = append(h.b, p...)
	return len(p), nil
}

func newWire(t testing.TB, c net.Conn) *wire {
	hb := new(headerBuffer)
	w := &wire{t: t, c: c, fr: http2.NewFramer(c, c), enc: hpack.NewEncoder(hb), hb: hb}
	w.fr.AllowIllegalWrites = true
	w.fr.ReadMetaHeaders = hpack.NewDecoder(hpackTable, nil)
	return w
}

// wireToServer starts Serve and greets it.
func wireToServer(t testing.TB, o Options, h tunnel.Handler) (*wire, *served) {
	t.Helper()
	cc, sc := loopback(t)
	s := serve(o, sc, h)
	t.Cleanup(func() {
		cc.Close()
		s.wait(t)
		s.drain()
	})
	w := newWire(t, cc)
	cc.SetDeadline(time.Now().Add(hang))
	if _, err := io.WriteString(cc, http2.ClientPreface); err != nil {
		t.Fatal(err)
	}
	w.must(w.fr.WriteSettings())
	return w, s
}

// wireToClient starts Client and greets it.
func wireToClient(t testing.TB, o Options, settings ...http2.Setting) (*wire, tunnel.Tunnel) {
	t.Helper()
	cc, sc := loopback(t)
	sc.SetDeadline(time.Now().Add(hang))
	w := newWire(t, sc)
	w.must(w.fr.WriteSettings(settings...))
	tn, err := New(o).Client(context.Background(), cc)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		sc.Close()
		tn.Close()
	})
	preface := make([]byte, len(http2.ClientPreface))
	if _, err := io.ReadFull(sc, preface); err != nil || string(preface) != http2.ClientPreface {
		t.Fatalf("preface %q, %v", preface, err)
	}
	return w, tn
}

func (w *wire) must(err error) {
	w.t.Helper()
	if err != nil {
		w.t.Fatal(err)
	}
}

func (w *wire) headers(id uint32, end bool, fields ...string) {
	w.t.Helper()
	w.must(w.fr.WriteHeaders(http2.HeadersFrameParam{
		StreamID: id, BlockFragment: w.block(fields...), EndHeaders: true, EndStream: end,
	}))
}

func (w *wire) block(fields ...string) []byte {
	w.hb.b = nil
	for i := 0; i < len(fields); i += 2 {
		w.must(w.enc.WriteField(hpack.HeaderField{Name: fields[i], Value: fields[i+1]}))
	}
	return w.hb.b
}

func (w *wire) connect(id uint32) {
	w.t.Helper()
	w.headers(id, false, ":method", "CONNECT", ":authority", "10.0.0.1:80")
}

// read returns the next frame of type T, passing over the others. Frames are
// valid until the next read.
func read[T http2.Frame](w *wire) T {
	w.t.Helper()
	for {
		f, err := w.fr.ReadFrame()
		if err != nil {
			var zero T
			w.t.Fatalf("waiting for %T: %v", zero, err)
		}
		if f, ok := f.(T); ok {
			return f
		}
	}
}

// wantGoAway reads until a GOAWAY with this code.
func (w *wire) wantGoAway(code http2.ErrCode) {
	w.t.Helper()
	if f := read[*http2.GoAwayFrame](w); f.ErrCode != code {
		w.t.Fatalf("GOAWAY %v (%s), want %v", f.ErrCode, f.DebugData(), code)
	}
}

func (w *wire) wantReset(id uint32, code http2.ErrCode) {
	w.t.Helper()
	if f := read[*http2.RSTStreamFrame](w); f.StreamID != id || f.ErrCode != code {
		w.t.Fatalf("RST_STREAM %d %v, want %d %v", f.StreamID, f.ErrCode, id, code)
	}
}

func (w *wire) wantStatus(id uint32, status string, end bool) {
	w.t.Helper()
	f := read[*http2.MetaHeadersFrame](w)
	if f.StreamID != id || f.PseudoValue("status") != status || f.StreamEnded() != end {
		w.t.Fatalf("HEADERS %d :status %s end %v, want %d %s %v", f.StreamID, f.PseudoValue("status"), f.StreamEnded(), id, status, end)
	}
}

// waitFor polls for a condition that other goroutines bring about.
func waitFor(t testing.TB, what string, cond func() bool) {
	t.Helper()
	for end := time.Now().Add(hang); !cond(); time.Sleep(time.Millisecond) {
		if time.Now().After(end) {
			t.Fatalf("hang: waiting for %s", what)
		}
	}
}

package tunnel

import (
	"context"
	"errors"
	"io"
	"net"
	"net/netip"
	"sync"
	"time"

	"github.com/bulkhead-mesh/bulkhead/proxy/hbone"
)

// fakeTunnel is a tunnel without a wire.
type fakeTunnel struct {
	key  Key
	done chan struct{}

	mu       sync.Mutex
	limit    int
	streams  int
	draining bool
	leaving  chan struct{} // closed when the peer has said GOAWAY
	better   chan struct{} // closed when it has announced another transport
	closed   bool
	openErr  func() error // instead of a stream
	most     int          // streams at once, ever
}

func (t *fakeTunnel) Open(ctx context.Context, head hbone.Head) (Stream, hbone.Header, error) {
	t.mu.Lock()
	defer t.mu.Unlock()
	switch {
	case t.openErr != nil:
		return nil, hbone.Header{}, t.openErr()
	case t.closed:
		return nil, hbone.Header{}, &LostError{net.ErrClosed}
	case t.draining:
		return nil, hbone.Header{}, &RefusedError{GoAway}
	case t.streams >= t.limit:
		return nil, hbone.Header{}, &RefusedError{Full}
	}
	t.streams++
	t.most = max(t.most, t.streams)
	return &fakeStream{t: t}, hbone.Header{}, nil
}

func (t *fakeTunnel) Usable() bool {
	t.mu.Lock()
	defer t.mu.Unlock()
	return !t.closed && !t.draining
}

func (t *fakeTunnel) Limit() int {
	t.mu.Lock()
	defer t.mu.Unlock()
	return t.limit
}

func (t *fakeTunnel) setLimit(n int) {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.limit = n
}

func (t *fakeTunnel) Done() <-chan struct{} { return t.done }

func (t *fakeTunnel) Leaving() <-chan struct{} { return t.leaving }

func (t *fakeTunnel) Better() <-chan struct{} { return t.better }

func (t *fakeTunnel) BetterAt() uint16 { return fakeBetterPort }

// fakeBetterPort is not that of any key.
const fakeBetterPort = 16008

// goAway is the peer's.
func (t *fakeTunnel) goAway() {
	close(t.leaving)
	t.Drain()
}

func (t *fakeTunnel) Drain() {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.draining = true
	t.end(t.streams == 0)
}

func (t *fakeTunnel) Close() error {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.end(true)
	return nil
}

func (t *fakeTunnel) end(really bool) {
	if really && !t.closed {
		t.closed = true
		close(t.done)
	}
}

// breakWith makes every Open fail as if the tunnel had died unnoticed.
func (t *fakeTunnel) breakWith(err error) {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.openErr = func() error { return err }
}

type fakeStream struct {
	t    *fakeTunnel
	once sync.Once
}

func (s *fakeStream) Read([]byte) (int, error)         { return 0, io.EOF }
func (s *fakeStream) Write(p []byte) (int, error)      { return len(p), nil }
func (s *fakeStream) CloseWrite() error                { return nil }
func (s *fakeStream) SetDeadline(time.Time) error      { return nil }
func (s *fakeStream) SetReadDeadline(time.Time) error  { return nil }
func (s *fakeStream) SetWriteDeadline(time.Time) error { return nil }
func (s *fakeStream) Reset() error                     { return nil }
func (s *fakeStream) Close() error {
	s.once.Do(func() {
		s.t.mu.Lock()
		defer s.t.mu.Unlock()
		s.t.streams--
		s.t.end(s.t.draining && s.t.streams == 0)
	})
	return nil
}

// dialer makes fake tunnels and remembers them.
type dialer struct {
	mu      sync.Mutex
	limit   int
	takes   time.Duration
	err     error
	broken  error // of every Open in every tunnel
	tunnels []*fakeTunnel
	dials   int
	dialled []time.Time      // when each dial began
	until   func() time.Time // the end of a new tunnel's credentials; nil: never
	ended   []error          // contexts of dials that did not end by themselves
}

func (d *dialer) dial(ctx context.Context, k Key) (Tunnel, time.Time, error) {
	d.mu.Lock()
	d.dials++
	d.dialled = append(d.dialled, time.Now())
	takes := d.takes
	d.mu.Unlock()
	select {
	case <-time.After(takes):
	case <-ctx.Done():
		d.mu.Lock()
		defer d.mu.Unlock()
		d.ended = append(d.ended, ctx.Err())
		return nil, time.Time{}, ctx.Err()
	}
	d.mu.Lock()
	defer d.mu.Unlock()
	if d.err != nil {
		return nil, time.Time{}, d.err
	}
	t := &fakeTunnel{key: k, limit: d.limit, done: make(chan struct{}), leaving: make(chan struct{}), better: make(chan struct{})}
	if d.broken != nil {
		t.breakWith(d.broken)
	}
	d.tunnels = append(d.tunnels, t)
	if d.until == nil {
		return t, time.Time{}, nil
	}
	return t, d.until(), nil
}

func (d *dialer) made() int {
	d.mu.Lock()
	defer d.mu.Unlock()
	return len(d.tunnels)
}

func key(n byte) Key {
	return Key{Address: netip.AddrPortFrom(netip.AddrFrom4([4]byte{10, 0, 0, n}), 15008)}
}

var errDial = errors.New("connection refused")

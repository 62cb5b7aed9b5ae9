package proxy

import (
	"github.com/bulkhead-mesh/bulkhead/proxy/tunnel"
)

// forward lets the stream from pass on what arrives by itself, and reports whether it
// can: it is a Forwarder, and to takes bytes without blocking.
func (r *relay) forward(from, to half, n *Count) bool {
	f, ok := from.Leg.(tunnel.Forwarder)
	if !ok {
		return false
	}
	sink, ok := to.Leg.(tunnel.Sink)
	if !ok {
		return false
	}
	d := &forwarded{relay: r, from: from, to: to, sink: sink, n: n}
	f.Forward(d, d)
	return true
}

// forwarded is the direction of a relay that its stream moves. It counts, and keeps the
// sink's error apart from the stream's.
type forwarded struct {
	relay    *relay
	from, to half
	sink     tunnel.Sink
	n        *Count
	err      error // of writing
}

func (f *forwarded) TryWrite(v [][]byte) (int, error) {
	n, err := f.sink.TryWrite(v)
	f.n.Add(int64(n))
	f.err = err
	return n, err
}

func (f *forwarded) Write(p []byte) (int, error) {
	n, err := f.sink.Write(p)
	f.n.Add(int64(n))
	f.err = err
	return n, err
}

// Ended passes the end on, as copyHalf does. An error, and the last end, go on on
// a goroutine of their own: this may be the one that all streams of a tunnel depend on.
func (f *forwarded) Ended(err error) {
	switch {
	case f.err != nil:
		err = f.to.failed("write", f.err)
	case err != nil:
		err = f.from.failed("read", err)
	default:
		err = f.to.failed("close-write", f.to.CloseWrite())
	}
	if f.relay.left.Load() > 1 && err == nil {
		f.relay.over(nil) // unless the other direction ends just now, that is all
		return
	}
	go f.relay.over(err)
}

// Broke is what copyHalf learns from AwaitBreak. It has a goroutine of its own.
func (f *forwarded) Broke(err error) {
	awaitTailOf(f.to)
	f.relay.fail(f.from.failed("read", err))
}

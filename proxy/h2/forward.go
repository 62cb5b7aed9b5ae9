package h2

import (
	"fmt"
	"io"
	"net"
	"runtime/debug"

	"github.com/bulkhead-mesh/bulkhead/proxy/tunnel"
)

// Most streams are relayed into a socket, which most of the time takes what there is at
// once. A goroutine that only waits for bytes would cost each connection a stack and each
// batch two switches; instead recvLoop writes, and only what a socket does not take goes
// into the inbox, from where a goroutine carries it on for as long as there is something.
// A reader that stalls costs its window and that goroutine, and stops nobody.

// forwarding is guarded by the inbox's mu.
type forwarding struct {
	to   tunnel.Sink // nil: the stream is read instead
	by   tunnel.Forwarding
	busy bool // somebody writes to it: recvLoop, or carry
	over bool // by was told of the end
	open bool // a clean one: a break is still to be told
}

// Forward: see tunnel.Forwarder.
func (s *stream) Forward(to tunnel.Sink, by tunnel.Forwarding) {
	b := &s.in
	b.mu.Lock()
	b.fwd = forwarding{to: to, by: by, busy: b.head != nil}
	carry := b.fwd.busy
	b.mu.Unlock()
	if carry {
		go s.carry()
		return
	}
	b.tell()
}

// deliver takes what arrived: to the sink, or into the inbox. back is the credit that is
// now due; rest is what the account has no room for.
func (b *inbox) deliver(s *stream, v [][]byte) (back int, rest [][]byte) {
	b.mu.Lock()
	defer b.mu.Unlock()
	if b.fwd.to != nil && !b.fwd.busy && b.head == nil && b.err == nil {
		v = b.pass(v)
	}
	for len(v) > 0 {
		if v[0] = b.keep(v[0]); len(v[0]) > 0 {
			return 0, v
		}
		v = v[1:]
	}
	if b.fwd.to != nil && b.head != nil && !b.fwd.busy {
		b.fwd.busy = true
		go s.carry()
	}
	return b.due(), nil
}

// pass writes what the sink takes at once and returns the rest. The lock is free
// meanwhile: a reset of the stream need not wait for the kernel.
func (b *inbox) pass(v [][]byte) (rest [][]byte) {
	b.fwd.busy = true
	b.mu.Unlock()
	n, err := try(b.fwd.to, v)
	b.mu.Lock()
	b.fwd.busy = false
	if b.err == nil {
		b.err = err
	}
	if b.err != nil { // the sink's, or the stream was reset meanwhile
		b.broke(true)
		return nil
	}
	return skip(v, n)
}

// try is TryWrite, with a panic of the sink as its error: this is recvLoop, on which all
// streams depend.
func try(to tunnel.Sink, v [][]byte) (n int, err error) {
	defer recovered(&err)
	return to.TryWrite(v)
}

func recovered(err *error) {
	if v := recover(); v != nil {
		*err = fmt.Errorf("panic: %v\n%s", v, debug.Stack())
	}
}

// skip takes the first n bytes off v.
func skip(v [][]byte, n int) [][]byte {
	for len(v) > 0 && n >= len(v[0]) {
		n -= len(v[0])
		v = v[1:]
	}
	if len(v) > 0 {
		v[0] = v[0][n:]
	}
	return v
}

// carry writes what is in the inbox to the sink, waiting for it, until there is no more.
func (s *stream) carry() {
	b := &s.in
	for k, back := b.next(); k != nil; k, back = b.next() {
		err := writeAll(b.fwd.to, k.b[k.r:k.w])
		b.put(k)
		if err != nil {
			b.sinkFailed(err)
			break
		}
		s.giveBack(back)
	}
	b.tell()
}

func writeAll(to io.Writer, p []byte) (err error) {
	defer recovered(&err)
	_, err = to.Write(p)
	return err
}

// next is take for carry; nil ends its turn.
func (b *inbox) next() (k *chunk, back int) {
	b.mu.Lock()
	defer b.mu.Unlock()
	if b.head == nil {
		b.fwd.busy = false
		return nil, 0
	}
	k = b.pop()
	return k, b.due()
}

// sinkFailed ends the forwarding: what has come for the sink has nowhere to go.
func (b *inbox) sinkFailed(err error) {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.clear()
	b.fwd.busy, b.ended = false, false
	if b.err == nil {
		b.err = err
	}
}

// tell reports the end, if this is it. Neither lock may be held.
func (b *inbox) tell() {
	b.mu.Lock()
	end := b.fwd.to != nil && !b.fwd.busy && !b.fwd.over && b.head == nil && b.over() != nil
	err := b.over()
	if err == io.EOF {
		err = nil
	}
	var lost error // the tunnel was, while a complete answer waited for its sink
	if end {
		if err == nil && b.err != net.ErrClosed {
			lost = b.err
		}
		b.fwd.over, b.fwd.open = true, err == nil && lost == nil
	}
	b.mu.Unlock()
	if end {
		b.fwd.by.Ended(err)
	}
	if lost != nil {
		go b.fwd.by.Broke(lost)
	}
}

// broke reports a failure. The caller holds mu and perhaps the tunnel's too, so that it
// is told from another goroutine.
func (b *inbox) broke(drop bool) {
	switch f := &b.fwd; {
	case f.to == nil:
	case f.busy && drop && b.err != net.ErrClosed:
		go f.by.Broke(b.err) // the sink may take no more, and who is busy never come back
	case f.busy: // who is busy will tell
	case !f.over:
		f.over = true
		go f.by.Ended(b.err)
	case f.open && b.err != net.ErrClosed:
		f.open = false
		go f.by.Broke(b.err)
	}
}

package proxy

import (
	"os"
	"sync"

	"golang.org/x/sys/unix"

	"github.com/bulkhead-mesh/bulkhead/proxy/nonblock"
)

// maxPieces is what one TryWrite hands to the kernel at most; more come next time.
const maxPieces = 64

// try is a TryWrite under way. It is pooled, so that a call allocates nothing: a closure
// for RawConn.Write would, once for each batch of each stream.
type try struct {
	run func(fd uintptr) bool // write, made once
	v   [][]byte
	n   int
	err error
	iov [maxPieces]unix.Iovec
}

var tries = sync.Pool{New: func() any {
	t := new(try)
	t.run = t.write
	return t
}}

// TryWrite: see tunnel.Sink. Not while another goroutine is in Write.
func (l *tcpLeg) TryWrite(v [][]byte) (int, error) {
	t := tries.Get().(*try)
	t.v, t.n, t.err = v, 0, nil
	err := l.raw.Write(t.run)
	n, e := t.n, t.err
	t.v = nil
	tries.Put(t)
	if err == nil && e != nil {
		err = os.NewSyscallError("writev", e)
	}
	return n, err
}

// write never asks to be called again: what does not fit now is not waited for.
func (t *try) write(fd uintptr) bool {
	k := 0
	for _, p := range t.v[:min(len(t.v), maxPieces)] {
		if len(p) > 0 {
			t.iov[k].Base = &p[0]
			t.iov[k].SetLen(len(p))
			k++
		}
	}
	if k > 0 {
		t.n, t.err = nonblock.Writev(int(fd), t.iov[:k])
	}
	if t.err == unix.EAGAIN {
		t.err = nil
	}
	clear(t.iov[:k]) // the kernel has what it wants; the buffer is not ours to keep alive
	return true
}

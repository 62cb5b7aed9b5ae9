package proxy

import (
	"sync"

	"github.com/bulkhead-mesh/bulkhead/proxy/budget"
)

// smallSize is one read of a workload whose budget of bytes is half used. These
// buffers are not charged: without any, nothing would ever be written and the budget
// never be free again. What they can hold is bounded by the connections.
const smallSize = 4 << 10

type (
	buffer [bufferSize]byte
	small  [smallSize]byte
)

// buffers is pooled because a connection that waits needs none: with a buffer
// of its own for each direction, ten thousand idle connections would hold 1.2 GiB.
var (
	buffers = sync.Pool{New: func() any { return new(buffer) }}
	smalls  = sync.Pool{New: func() any { return new(small) }}
)

// piece is a buffer out of one of the pools.
type piece struct {
	b     []byte
	large *buffer // nil: it is small
	small *small
}

// take returns a large buffer, charged, or a small one when the budget is pressed.
func take(a *budget.Account) piece {
	if !a.Pressed() && a.Take(bufferSize) {
		b := buffers.Get().(*buffer)
		return piece{b: b[:], large: b}
	}
	s := smalls.Get().(*small)
	return piece{b: s[:], small: s}
}

// put gives the buffer back; its memory must not be used any more.
func (p piece) put(a *budget.Account) {
	if p.large == nil {
		smalls.Put(p.small)
		return
	}
	buffers.Put(p.large)
	a.Give(bufferSize)
}

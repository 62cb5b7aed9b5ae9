package h2

import (
	"sync"

	"github.com/bulkhead-mesh/bulkhead/proxy/budget"
)

// A batch is the buffer of one write. A peer that does not read holds it until the
// write's deadline, and a workload can have many such peers, so it is charged. (Sealed, it
// is in memory once more while it is written: cork, which is not.) Where the
// budget has no room it is small and not charged: what is on its way must be able to
// leave, or the budget would never be free again.
type batch struct {
	bytes   []byte
	size    int
	account *budget.Account // nil: not charged
}

const smallBatch = minFrameSize // one DATA frame

var batches, smallBatches = pool(batchSize), pool(smallBatch)

func pool(size int) *sync.Pool {
	return &sync.Pool{New: func() any { return &batch{bytes: make([]byte, 0, size), size: size} }}
}

func newBatch(a *budget.Account) *batch {
	if !a.TakeMore(batchSize) {
		return smallBatches.Get().(*batch)
	}
	b := batches.Get().(*batch)
	b.account = a
	return b
}

// free gives the batch back.
func (b *batch) free() {
	b.account.Give(batchSize)
	b.account = nil
	b.bytes = b.bytes[:0]
	switch {
	case cap(b.bytes) > 2*b.size: // many control frames have made it grow
	case b.size == batchSize:
		batches.Put(b)
	default:
		smallBatches.Put(b)
	}
}

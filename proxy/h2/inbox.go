package h2

import (
	"io"
	"sync"

	"github.com/bulkhead-mesh/bulkhead/proxy/budget"
)

const chunkSize = 16 << 10

// chunk is a piece of an inbox. Frames of one byte share a chunk, so that what
// an inbox costs is its bytes and at most two chunks more.
type chunk struct {
	r, w int
	b    [chunkSize]byte
	next *chunk
}

var chunks = sync.Pool{New: func() any { return new(chunk) }}

func (k *chunk) free() {
	k.r, k.w, k.next = 0, 0, nil
	chunks.Put(k)
}

// inbox holds what has arrived for a stream and was not read yet; its size is
// bounded by the stream's window. recvLoop writes, one user reads.
type inbox struct {
	mu    sync.Mutex
	wake  sync.Cond
	head  *chunk
	tail  *chunk
	ended bool  // END_STREAM: io.EOF after the last byte
	err   error // after the last byte, instead

	portion int // credit is given back in portions of this
	credit  int // read, not given back
	held    int // bytes in it
	account *budget.Account
}

func (b *inbox) init(window int, a *budget.Account) {
	b.wake.L = &b.mu
	b.portion = window / 2
	b.account = a
}

// write takes a copy of p; after a failure it takes nothing. It reports false when
// the account has no room for p.
func (b *inbox) write(p []byte) bool {
	b.mu.Lock()
	defer b.mu.Unlock()
	if b.err != nil {
		return true
	}
	for len(p) > 0 {
		if (b.tail == nil || b.tail.w == chunkSize) && !b.grow() {
			return false
		}
		n := copy(b.tail.b[b.tail.w:], p)
		b.tail.w += n
		b.held += n
		p = p[n:]
	}
	b.wake.Signal()
	return true
}

// grow adds a chunk, which is charged until put.
func (b *inbox) grow() bool {
	if !b.account.Take(chunkSize) {
		return false
	}
	k := chunks.Get().(*chunk)
	if b.tail == nil {
		b.head = k
	} else {
		b.tail.next = k
	}
	b.tail = k
	return true
}

// put frees a chunk that was popped. It needs no lock.
func (b *inbox) put(k *chunk) {
	k.free()
	b.account.Give(chunkSize)
}

// read blocks for bytes. back is the credit that is now due to the peer.
func (b *inbox) read(p []byte) (n, back int, err error) {
	b.mu.Lock()
	defer b.mu.Unlock()
	if len(p) == 0 {
		return 0, 0, nil
	}
	if err := b.wait(); err != nil {
		return 0, 0, err
	}
	for n < len(p) && b.head != nil {
		m := copy(p[n:], b.head.b[b.head.r:b.head.w])
		b.head.r += m
		b.held -= m
		n += m
		if b.head.r == b.head.w {
			b.put(b.pop())
		}
	}
	return n, b.due(n), nil
}

// take blocks for a whole chunk, which its receiver puts back.
func (b *inbox) take() (k *chunk, back int, err error) {
	b.mu.Lock()
	defer b.mu.Unlock()
	if err := b.wait(); err != nil {
		return nil, 0, err
	}
	k = b.pop()
	return k, b.due(k.w - k.r), nil
}

// wait blocks until there is a byte, or an error that no byte precedes.
func (b *inbox) wait() error {
	for b.head == nil {
		switch {
		case b.ended:
			return io.EOF
		case b.err != nil:
			return b.err
		}
		b.wake.Wait()
	}
	return nil
}

func (b *inbox) pop() *chunk {
	k := b.head
	if b.head = k.next; b.head == nil {
		b.tail = nil
	}
	k.next = nil
	b.held -= k.w - k.r
	return k
}

// skip accounts for n bytes that arrived and are not for the reader.
func (b *inbox) skip(n int) (back int) {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.due(n)
}

// due adds n bytes to the credit and returns what of it the peer is to get now.
//
// While the account is pressed the peer gets no more than leaves it pressedWindow to
// send: a stream whose reader goes on goes on, and none can pile up a whole window.
// What was kept back follows with the first read after that.
func (b *inbox) due(n int) int {
	b.credit += n
	back, least := b.credit, b.portion
	if b.account.Pressed() {
		ahead := 2*b.portion - b.credit - b.held
		back, least = min(b.credit, pressedWindow-ahead), pressedWindow/2
	}
	if back < least {
		return 0
	}
	b.credit -= back
	return back
}

// end lets the reader see io.EOF after the bytes that are there.
func (b *inbox) end() {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.ended = true
	b.wake.Broadcast()
}

// fail lets the reader see err: after the bytes that are there, unless drop. A
// complete inbox stays complete unless drop.
func (b *inbox) fail(err error, drop bool) {
	b.mu.Lock()
	defer b.mu.Unlock()
	if drop {
		for b.head != nil {
			b.put(b.pop())
		}
		b.ended = false
	}
	if b.err == nil {
		b.err = err
	}
	b.wake.Broadcast()
}

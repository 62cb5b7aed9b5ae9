package h2

import (
	"io"
	"sync"
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
}

func (b *inbox) init(window int) {
	b.wake.L = &b.mu
	b.portion = window / 2
}

// write takes a copy of p; after a failure it takes nothing.
func (b *inbox) write(p []byte) {
	b.mu.Lock()
	defer b.mu.Unlock()
	if b.err != nil {
		return
	}
	for len(p) > 0 {
		if b.tail == nil || b.tail.w == chunkSize {
			b.grow()
		}
		n := copy(b.tail.b[b.tail.w:], p)
		b.tail.w += n
		p = p[n:]
	}
	b.wake.Signal()
}

func (b *inbox) grow() {
	k := chunks.Get().(*chunk)
	if b.tail == nil {
		b.head = k
	} else {
		b.tail.next = k
	}
	b.tail = k
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
		n += m
		if b.head.r == b.head.w {
			b.pop().free()
		}
	}
	return n, b.due(n), nil
}

// take blocks for a whole chunk, which its receiver frees.
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
	return k
}

// skip accounts for n bytes that arrived and are not for the reader.
func (b *inbox) skip(n int) (back int) {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.due(n)
}

func (b *inbox) due(n int) int {
	if b.credit += n; b.credit < b.portion {
		return 0
	}
	n, b.credit = b.credit, 0
	return n
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
			b.pop().free()
		}
		b.ended = false
	}
	if b.err == nil {
		b.err = err
	}
	b.wake.Broadcast()
}

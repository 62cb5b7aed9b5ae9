package h2

import (
	"io"
	"os"
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
// bounded by the stream's window. recvLoop writes; one user reads, or has it
// forwarded (forward.go).
type inbox struct {
	mu    sync.Mutex
	wake  sync.Cond
	head  *chunk
	tail  *chunk
	ended bool  // END_STREAM: io.EOF after the last byte
	err   error // after the last byte, instead

	window  int // what the peer may have sent and we not passed on
	wanted  int // what window is to be, once the reader keeps up
	ahead   int // what it may still send of that
	held    int // bytes in it
	account *budget.Account

	deadline *deadline
	fwd      forwarding
}

func (b *inbox) init(window int, a *budget.Account) {
	b.wake.L = &b.mu
	b.window, b.wanted, b.ahead = window, window, window
	b.account = a
}

// arrive takes n bytes off what the peer may send, and reports whether it might.
// window is to hold from now on.
func (b *inbox) arrive(n, window int) bool {
	b.mu.Lock()
	defer b.mu.Unlock()
	if n > b.ahead {
		return false
	}
	b.ahead -= n
	b.wanted = window
	return true
}

// write takes a copy of p; after a failure it takes nothing. It reports false when
// the account has no room for p.
func (b *inbox) write(p []byte) bool {
	b.mu.Lock()
	defer b.mu.Unlock()
	return len(b.keep(p)) == 0
}

// keep is write for a caller that holds mu; it returns what there is no room for.
func (b *inbox) keep(p []byte) (rest []byte) {
	if b.err != nil {
		return nil
	}
	for len(p) > 0 {
		if (b.tail == nil || b.tail.w == chunkSize) && !b.grow() {
			return p
		}
		n := copy(b.tail.b[b.tail.w:], p)
		b.tail.w += n
		b.held += n
		p = p[n:]
	}
	b.wake.Signal()
	return nil
}

// holds is how much waits for the reader.
func (b *inbox) holds() int {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.held
}

// grow adds a chunk, which is charged until put.
func (b *inbox) grow() bool {
	if !b.room() {
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

// room charges a chunk. Who holds much cannot have the last of the budget: a stream
// whose reader goes on must find room beside it.
func (b *inbox) room() bool {
	if b.held < chunkSize {
		return b.account.Take(chunkSize)
	}
	return b.account.TakeMore(chunkSize)
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
	return n, b.due(), nil
}

// take blocks for a whole chunk, which its receiver puts back.
func (b *inbox) take() (k *chunk, back int, err error) {
	b.mu.Lock()
	defer b.mu.Unlock()
	if err := b.wait(); err != nil {
		return nil, 0, err
	}
	k = b.pop()
	return k, b.due(), nil
}

// wait blocks until there is a byte, or an error that no byte precedes.
func (b *inbox) wait() error {
	for b.head == nil {
		if err := b.over(); err != nil {
			return err
		}
		if b.deadline.passed() {
			return os.ErrDeadlineExceeded
		}
		b.wake.Wait()
	}
	return nil
}

// over is how the stream ended, or nil.
func (b *inbox) over() error {
	if b.ended {
		return io.EOF
	}
	return b.err
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

// due is the credit that the peer is to get now: what makes its window whole again, once
// that is worth a frame. A window that has shrunk is waited for.
//
// While the account is pressed the window is pressedWindow: a stream whose reader goes on
// goes on, and none can pile up a whole window. What was kept back follows with the first
// bytes after that.
func (b *inbox) due() int {
	if b.wanted < b.window || b.held <= b.window/4 { // else more would only wait here
		b.window = b.wanted
	}
	window := b.window
	if b.account.Pressed() {
		window = pressedWindow
	}
	back := window - b.ahead - b.held
	if back < min(window/2, connCredit) {
		return 0
	}
	b.ahead += back
	return back
}

// credit is due after bytes that are not for the reader: padding.
func (b *inbox) credit() int {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.due()
}

// end lets the reader see io.EOF after the bytes that are there.
func (b *inbox) end() {
	b.mu.Lock()
	defer b.mu.Unlock()
	if b.err == nil { // else bytes of it were lost
		b.ended = true
	}
	b.wake.Broadcast()
}

// fail lets the reader see err: after the bytes that are there, unless drop. A
// complete inbox stays complete unless drop.
func (b *inbox) fail(err error, drop bool) {
	b.mu.Lock()
	defer b.mu.Unlock()
	if drop {
		b.clear()
		b.ended = false
	}
	if b.err == nil {
		b.err = err
	}
	b.wake.Broadcast()
	b.broke(drop)
}

func (b *inbox) clear() {
	for b.head != nil {
		b.put(b.pop())
	}
}

package cork

import (
	"net"
	"os"
	"sync"

	"golang.org/x/sys/unix"

	"github.com/bulkhead-mesh/bulkhead/proxy/nonblock"
)

// sending is the writing half. It has a lock because crypto/tls writes from its reader
// too: an alert, or the answer to a KeyUpdate.
type sending struct {
	mu      sync.Mutex
	hold    bool
	writing bool // Flush is at it
	held    *held

	drain func(fd uintptr) bool
	rest  []byte // what drain has to write
	err   error
}

// held is the memory of one batch of 128 KiB: eight records, and a rest, with what TLS
// adds to each.
type held struct{ b []byte }

const heldSize = 9 * (16<<10 + 64)

var helds = sync.Pool{New: func() any { return &held{b: make([]byte, 0, heldSize)} }}

// Hold keeps what is written from now on until Flush.
func (k *Conn) Hold() {
	k.out.mu.Lock()
	k.out.hold = true
	k.out.mu.Unlock()
}

// Write keeps p, or passes it on.
func (k *Conn) Write(p []byte) (int, error) {
	if !k.batching {
		return k.Conn.Write(p)
	}
	k.out.mu.Lock()
	defer k.out.mu.Unlock()
	if !k.out.hold && !k.out.writing {
		return k.Conn.Write(p)
	}
	if k.out.held == nil {
		k.out.held = helds.Get().(*held)
	}
	k.out.held.b = append(k.out.held.b, p...)
	return len(p), nil
}

// Flush writes what was kept, at once, and what is written meanwhile behind it, as it was
// sealed. The lock is free while it waits for the peer: what the reader's side of TLS has
// to say must not stop the reader.
func (k *Conn) Flush() (err error) {
	o := &k.out
	o.mu.Lock()
	defer o.mu.Unlock()
	o.hold, o.writing = false, true
	for o.held != nil {
		h := o.held
		o.held = nil
		if err == nil {
			o.mu.Unlock()
			err = k.write(h.b)
			o.mu.Lock()
		}
		if cap(h.b) <= 2*heldSize { // else it was no batch, and must not stay for ever
			h.b = h.b[:0]
			helds.Put(h)
		}
	}
	o.writing = false
	return err
}

// write blocks until p is written, or the deadline of writing has come.
func (k *Conn) write(p []byte) error {
	k.out.rest, k.out.err = p, nil
	err := k.raw.Write(k.out.drain)
	k.out.rest = nil
	if err == nil && k.out.err != nil {
		err = &net.OpError{Op: "write", Net: "tcp", Source: k.LocalAddr(), Addr: k.RemoteAddr(), Err: os.NewSyscallError("write", k.out.err)}
	}
	return err
}

// writable writes on, and asks to be called again for what is left.
func (k *Conn) writable(fd uintptr) bool {
	for len(k.out.rest) > 0 {
		n, err := nonblock.Write(int(fd), k.out.rest)
		k.out.rest = k.out.rest[n:]
		if err == unix.EAGAIN {
			return false
		}
		if err != nil {
			k.out.err = err
			return true
		}
	}
	return true
}

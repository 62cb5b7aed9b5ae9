package cork

import (
	"io"
	"net"
	"os"
	"sync"
	"syscall"

	"golang.org/x/sys/unix"

	"github.com/bulkhead-mesh/bulkhead/proxy/nonblock"
)

// Conn is a TCP connection under TLS.
type Conn struct {
	net.Conn // handshake, deadlines, addresses
	raw      syscall.RawConn
	batching bool // set before two goroutines use it

	in   *buffer // read and not taken yet; nil when that is nothing
	r, w int     // in.b[r:w]
	fill func(fd uintptr) bool
	n    int // what fill read
	err  error

	out sending
}

// New puts a Conn over c, whose bytes are those of tcp. They are two because a
// handshake may be watched (budget.Account.Handshake): until Batch all goes through c.
func New(c net.Conn, tcp *net.TCPConn) *Conn {
	raw, err := tcp.SyscallConn()
	if err != nil { // only of a nil connection
		panic(err)
	}
	k := &Conn{Conn: c, raw: raw}
	k.fill, k.out.drain = k.readable, k.writable // made once: a method value is an allocation
	return k
}

// Batch ends the handshake's way of reading and writing.
func (k *Conn) Batch() { k.batching = true }

// size is what one read takes at most. Smaller ones cost a system call more often,
// larger ones leave the second-level cache.
const size = 256 << 10

type buffer struct{ b [size]byte }

var buffers = sync.Pool{New: func() any { return new(buffer) }}

// Empty is what Read returns when a record is not complete yet: Wait, then read on.
var Empty net.Error = empty{}

type empty struct{}

func (empty) Error() string   { return "cork: no whole record has come yet" }
func (empty) Timeout() bool   { return true }
func (empty) Temporary() bool { return true } // crypto/tls keeps what it has, and may be called again

// Read takes what Wait has read.
func (k *Conn) Read(p []byte) (int, error) {
	if !k.batching {
		return k.Conn.Read(p)
	}
	if k.in == nil {
		return 0, Empty
	}
	n := copy(p, k.in.b[k.r:k.w])
	if k.r += n; k.r == k.w {
		k.drop()
	}
	return n, nil
}

// Wait blocks until there are bytes to read, or an error: io.EOF is that of the peer's
// FIN. What was not taken yet is no reason to wait.
func (k *Conn) Wait() error {
	if k.in != nil {
		return nil
	}
	if err := k.raw.Read(k.fill); err != nil {
		return err
	}
	return k.err
}

// readable takes a buffer only now that the kernel may have something for it.
func (k *Conn) readable(fd uintptr) bool {
	b := buffers.Get().(*buffer)
	k.n, k.err = nonblock.Read(int(fd), b.b[:])
	if k.n > 0 {
		k.in, k.r, k.w = b, 0, k.n
		return true
	}
	buffers.Put(b)
	switch k.err {
	case unix.EAGAIN:
		return false
	case nil:
		k.err = io.EOF
	default:
		k.err = &net.OpError{Op: "read", Net: "tcp", Source: k.LocalAddr(), Addr: k.RemoteAddr(), Err: os.NewSyscallError("read", k.err)}
	}
	return true
}

func (k *Conn) drop() {
	buffers.Put(k.in)
	k.in, k.r, k.w = nil, 0, 0
}

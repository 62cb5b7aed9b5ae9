package h3

import (
	"encoding/binary"
	"errors"
	"net"

	"golang.org/x/net/ipv4"
	"golang.org/x/sys/unix"
)

// quic-go sends many packets in one system call (UDP_SEGMENT), and they cross the host as one. But it
// reads them one by one, and for that the kernel cuts them up at the receiver's socket. Where the socket takes them
// whole (UDP_GRO) they are cut up here instead: a copy of a packet costs less than its way through the kernel.

const (
	batch    = 4        // reads of one system call
	maxWhole = 64 << 10 // of packets that came as one
	oobSize  = 256
)

// coalesced is a UDP socket that takes packets whole. It implements what quic-go's ReadBatch is read
// through, for one reader at a time.
type coalesced struct {
	*net.UDPConn
	batch *ipv4.PacketConn
	whole []ipv4.Message // read, and not passed on yet
	all   []ipv4.Message
	at    int // in whole[0]: what was passed on
	size  int // of the packets in it
}

// takeWhole makes a socket one that takes packets whole, if it can.
func takeWhole(pc net.PacketConn) net.PacketConn {
	u, ok := pc.(*net.UDPConn)
	if !ok || setGRO(u, 1) != nil {
		return pc
	}
	c := &coalesced{UDPConn: u, batch: ipv4.NewPacketConn(u), all: make([]ipv4.Message, batch)}
	for i := range c.all {
		c.all[i] = ipv4.Message{Buffers: [][]byte{make([]byte, maxWhole)}, OOB: make([]byte, oobSize)}
	}
	return c
}

// cutUp undoes takeWhole, for whoever has the socket next.
func cutUp(pc net.PacketConn) error {
	c, ok := pc.(*coalesced)
	if !ok {
		return nil
	}
	return setGRO(c.UDPConn, 0)
}

func setGRO(u *net.UDPConn, on int) error {
	raw, err := u.SyscallConn()
	if err != nil {
		return err
	}
	var failed error
	err = raw.Control(func(fd uintptr) { failed = unix.SetsockoptInt(int(fd), unix.IPPROTO_UDP, unix.UDP_GRO, on) })
	return errors.Join(err, failed)
}

// ReadBatch fills ms with packets, at least one.
func (c *coalesced) ReadBatch(ms []ipv4.Message, flags int) (int, error) {
	if len(c.whole) == 0 {
		n, err := c.batch.ReadBatch(c.all, flags)
		if err != nil {
			return 0, err
		}
		c.whole = c.all[:n]
		c.open()
	}
	n := 0
	for n < len(ms) && len(c.whole) > 0 {
		c.cut(&ms[n])
		n++
	}
	return n, nil
}

// open looks at what came first.
func (c *coalesced) open() {
	if len(c.whole) == 0 {
		return
	}
	w := &c.whole[0]
	c.at, c.size = 0, w.N
	if n := segment(w.OOB[:w.NN]); n > 0 {
		c.size = min(n, w.N)
	}
}

// cut copies the next packet into m. One that is larger than there is room for is none of QUIC's.
func (c *coalesced) cut(m *ipv4.Message) {
	w := &c.whole[0]
	end := min(c.at+c.size, w.N)
	m.N = copy(m.Buffers[0], w.Buffers[0][c.at:end])
	m.NN, m.Addr, m.Flags = 0, w.Addr, w.Flags
	if w.NN <= len(m.OOB) {
		m.NN = copy(m.OOB, w.OOB[:w.NN])
	}
	if c.at = end; end == w.N {
		c.whole = c.whole[1:]
		c.open()
	}
}

// segment is the size of the packets that came as one, or 0.
func segment(oob []byte) int {
	for len(oob) >= unix.SizeofCmsghdr { // of less, the parser would read what is behind
		h, body, rest, err := unix.ParseOneSocketControlMessage(oob)
		if err != nil {
			return 0
		}
		if h.Level == unix.IPPROTO_UDP && h.Type == unix.UDP_GRO && len(body) >= 4 {
			return int(binary.NativeEndian.Uint32(body))
		}
		oob = rest
	}
	return 0
}

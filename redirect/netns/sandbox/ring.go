package sandbox

import (
	"bytes"
	"encoding/binary"
	"fmt"
	"sync/atomic"
	"unsafe"

	"golang.org/x/sys/unix"
)

// A ring is a packet socket with a receive buffer of its own, shared with the
// kernel (TPACKET_V2, Documentation/networking/packet_mmap.rst). The buffer of
// an ordinary packet socket holds some 250 packets and cannot be enlarged
// without root: SO_RCVBUFFORCE asks for a capability outside of the sandbox.
//
// Packets that do not fit a frame come over the socket as well, in full
// (PACKET_COPY_THRESH).
type ring struct {
	frames []byte
	at     int    // offset of the next frame
	large  []byte // for packets that do not fit
}

const (
	frameSize  = 2048
	blockSize  = 1 << 16
	blocks     = 256
	ringFrames = blocks * blockSize / frameSize
	maxPacket  = 128 << 10
)

// A packet is what was sniffed, with the hardware type of the interface.
type packet struct {
	data     []byte
	hardware uint16
	cut      bool // data is not all
}

// open makes the socket in the namespace of the thread.
func (r *ring) open() (fd int, err error) {
	// Without a protocol nothing arrives until bind: the ring comes first.
	fd, err = unix.Socket(unix.AF_PACKET, unix.SOCK_RAW|unix.SOCK_NONBLOCK|unix.SOCK_CLOEXEC, 0)
	if err != nil {
		return -1, fmt.Errorf("open a packet socket: %w", err)
	}
	if err := r.attach(fd); err != nil {
		r.close()
		unix.Close(fd)
		return -1, fmt.Errorf("set up a packet socket: %w", err)
	}
	return fd, nil
}

func (r *ring) attach(fd int) error {
	if err := unix.SetsockoptInt(fd, unix.SOL_PACKET, unix.PACKET_VERSION, unix.TPACKET_V2); err != nil {
		return err
	}
	if err := unix.SetsockoptInt(fd, unix.SOL_PACKET, unix.PACKET_COPY_THRESH, 1); err != nil {
		return err
	}
	err := unix.SetsockoptTpacketReq(fd, unix.SOL_PACKET, unix.PACKET_RX_RING, &unix.TpacketReq{
		Block_size: blockSize, Block_nr: blocks, Frame_size: frameSize, Frame_nr: ringFrames,
	})
	if err != nil {
		return err
	}
	r.frames, err = unix.Mmap(fd, 0, blocks*blockSize, unix.PROT_READ|unix.PROT_WRITE, unix.MAP_SHARED)
	if err != nil {
		return err
	}
	r.large = make([]byte, maxPacket)
	return unix.Bind(fd, &unix.SockaddrLinklayer{Protocol: networkOrder(unix.ETH_P_ALL)})
}

func networkOrder(v uint16) uint16 {
	return binary.BigEndian.Uint16(binary.NativeEndian.AppendUint16(nil, v))
}

func (r *ring) close() {
	if r.frames != nil {
		_ = unix.Munmap(r.frames) // of a mapping that exists: cannot fail
		r.frames = nil
	}
}

// next returns the oldest packet and gives its frame back to the kernel.
func (r *ring) next(fd int) (packet, bool) {
	if r.frames == nil {
		return packet{}, false
	}
	frame := r.frames[r.at : r.at+frameSize]
	header := (*unix.Tpacket2Hdr)(unsafe.Pointer(&frame[0]))
	status := atomic.LoadUint32(&header.Status) // the kernel's last write
	if status&unix.TP_STATUS_USER == 0 {
		return packet{}, false
	}
	const address = (unix.SizeofTpacket2Hdr + unix.TPACKET_ALIGNMENT - 1) &^ (unix.TPACKET_ALIGNMENT - 1)
	from := (*unix.RawSockaddrLinklayer)(unsafe.Pointer(&frame[address]))
	p := packet{
		data:     bytes.Clone(frame[header.Mac : uint32(header.Mac)+header.Snaplen]),
		hardware: from.Hatype,
		cut:      header.Snaplen < header.Len,
	}
	if status&unix.TP_STATUS_COPY != 0 {
		p.data, p.cut = r.whole(fd)
	}
	atomic.StoreUint32(&header.Status, unix.TP_STATUS_KERNEL)
	r.at = (r.at + frameSize) % len(r.frames)
	return p, true
}

// whole reads a packet that did not fit its frame.
func (r *ring) whole(fd int) (data []byte, cut bool) {
	n, _, err := unix.Recvfrom(fd, r.large, unix.MSG_TRUNC)
	if err != nil || n > len(r.large) {
		return nil, true
	}
	return bytes.Clone(r.large[:n]), false
}

func (r *ring) dropped(fd int) bool {
	stats, err := unix.GetsockoptTpacketStats(fd, unix.SOL_PACKET, unix.PACKET_STATISTICS)
	return err == nil && stats.Drops > 0
}

package lab

import (
	"encoding/binary"
	"sync/atomic"
	"unsafe"

	"golang.org/x/sys/unix"
)

// ring is a packet socket whose buffer is shared with the kernel (TPACKET_V2,
// Documentation/networking/packet_mmap.rst). That of an ordinary one holds some 250
// packets, a few milliseconds of a drill, and only root outside of all user
// namespaces may enlarge it.
//
// A packet that does not fit its frame, which segmentation offload makes, comes over
// the socket too, whole, as far as the socket's own small buffer allows.
type ring struct {
	frames []byte
	at     int    // offset of the next frame
	large  []byte // for packets that do not fit
}

const (
	frameSize  = 2048
	blockSize  = 1 << 16
	blocks     = 512     // 32 MiB
	maxOffload = 1 << 17 // more than segmentation offload puts together
)

// open makes the socket in the namespace of the calling thread. Nothing arrives
// before bind, so that the ring sees everything.
func (r *ring) open() (fd int, err error) {
	fd, err = unix.Socket(unix.AF_PACKET, unix.SOCK_RAW|unix.SOCK_CLOEXEC|unix.SOCK_NONBLOCK, 0)
	if err != nil {
		return -1, err
	}
	if err := r.attach(fd); err != nil {
		r.close()
		unix.Close(fd)
		return -1, err
	}
	return fd, nil
}

func (r *ring) attach(fd int) error {
	for option, value := range map[int]int{unix.PACKET_VERSION: unix.TPACKET_V2, unix.PACKET_COPY_THRESH: 1} {
		if err := unix.SetsockoptInt(fd, unix.SOL_PACKET, option, value); err != nil {
			return err
		}
	}
	// Capped by the machine; the little that is left serves large packets only.
	if err := unix.SetsockoptInt(fd, unix.SOL_SOCKET, unix.SO_RCVBUF, 64*maxOffload); err != nil {
		return err
	}
	size := &unix.TpacketReq{Block_size: blockSize, Block_nr: blocks, Frame_size: frameSize, Frame_nr: blocks * blockSize / frameSize}
	if err := unix.SetsockoptTpacketReq(fd, unix.SOL_PACKET, unix.PACKET_RX_RING, size); err != nil {
		return err
	}
	var err error
	if r.frames, err = unix.Mmap(fd, 0, blocks*blockSize, unix.PROT_READ|unix.PROT_WRITE, unix.MAP_SHARED); err != nil {
		return err
	}
	r.large = make([]byte, maxOffload)
	// packet(7) wants the protocol in network order.
	everything := binary.BigEndian.Uint16(binary.NativeEndian.AppendUint16(nil, unix.ETH_P_ALL))
	return unix.Bind(fd, &unix.SockaddrLinklayer{Protocol: everything})
}

func (r *ring) close() {
	if r.frames != nil {
		_ = unix.Munmap(r.frames) // it is mapped, so this cannot fail
		r.frames = nil
	}
}

// next hands the oldest packet to look and gives its frame back to the kernel; false
// when there is none. A packet of which a part was lost is nil.
func (r *ring) next(fd int, look func(packet []byte)) bool {
	if r.frames == nil {
		return false
	}
	frame := r.frames[r.at : r.at+frameSize]
	header := (*unix.Tpacket2Hdr)(unsafe.Pointer(&frame[0]))
	status := atomic.LoadUint32(&header.Status) // written by the kernel, last of all
	if status&unix.TP_STATUS_USER == 0 {
		return false
	}
	switch {
	case status&unix.TP_STATUS_COPY != 0:
		look(r.whole(fd))
	case header.Snaplen < header.Len:
		look(nil)
	default:
		look(frame[header.Mac : uint32(header.Mac)+header.Snaplen])
	}
	atomic.StoreUint32(&header.Status, unix.TP_STATUS_KERNEL)
	r.at = (r.at + frameSize) % len(r.frames)
	return true
}

func (r *ring) whole(fd int) []byte {
	n, _, err := unix.Recvfrom(fd, r.large, unix.MSG_TRUNC)
	if err != nil || n > len(r.large) {
		return nil
	}
	return r.large[:n]
}

// Package steer leads the QUIC packets of a pod to the process whose connections they are of.
//
// Two processes that read one UDP socket steal each other's packets. So a pod has Slots sockets
// on one port, one SO_REUSEPORT group, which are made once and held for as long as the pod is
// there: a socket's place in the group is its slot, and closing one would move another. A process
// has one slot. The connection IDs that it chooses begin with it, peers write them
// into their packets, and a program in the kernel reads the slot out of them. What begins, and
// what belongs to nobody, goes to the newest process.
//
//	group, err := steer.Open(ns, port, mark)      // the keeper, once a pod
//	err = steer.Lead(group, steer.To{Begins: 1})
//
// An ID has IDLength bytes. The first packets of a client carry an ID that the client made up,
// of eight bytes or more (RFC 9000 section 7.2): their length tells those from ours.
//
// Why not one socket for each process, bound when it starts? The group renumbers its
// sockets when one is closed, while packets arrive. And why not one process that reads and hands
// over? Each packet of a drain would cross two processes, and the drain would end with the newer one.
package steer

import (
	"errors"
	"fmt"
	"os"

	"golang.org/x/net/bpf"
	"golang.org/x/sys/unix"

	"github.com/bulkhead-mesh/bulkhead/redirect/netns"
)

const (
	Slots    = 4 // processes that one pod may have at a time with QUIC: the newest, and those that drain
	IDLength = 7 // of connection IDs; the first byte is the slot
)

// To says which socket the packets of each slot's connections go to, and what begins.
type To struct {
	Slots  [Slots]uint8
	Begins uint8
}

// receiveBuffer is what a socket may hold that its process has not read yet, in the kernel's count, of which half is packets:
// what a process that does not run for some hundredths of a second is sent. It is as much as quic-go wants, which
// sets whatever is less anew, to what its process may have: 416 KiB on most machines. The memory is used only by what
// waits: a process that stands still can have as much of its pod's packets waiting, and the other three sockets have none.
const receiveBuffer = 7 << 20

// Open makes a pod's sockets; the place of each is its slot.
func Open(ns *netns.Namespace, port uint16, mark int) ([]*os.File, error) {
	group, err := ns.ListenUDPGroup(port, mark, Slots)
	for _, f := range group {
		err = errors.Join(err, widen(f))
	}
	if err != nil {
		for _, f := range group {
			f.Close()
		}
		return nil, err
	}
	return group, nil
}

// widen gives a socket its buffer; who may not go past the machine's limit (in a user namespace nobody may) has what it allows.
func widen(f *os.File) error {
	c, err := f.SyscallConn()
	if err != nil {
		return err
	}
	const half = receiveBuffer / 2 // the kernel doubles what it is told
	controlled := c.Control(func(fd uintptr) {
		err = unix.SetsockoptInt(int(fd), unix.SOL_SOCKET, unix.SO_RCVBUFFORCE, half)
		if errors.Is(err, unix.EPERM) {
			err = unix.SetsockoptInt(int(fd), unix.SOL_SOCKET, unix.SO_RCVBUF, half)
		}
	})
	return errors.Join(controlled, err)
}

// SpoiledError says that a socket is not in its group as it was made: whoever had it has connected
// it, by which the others are renumbered. No filter of system calls can forbid that, and nothing puts it back.
type SpoiledError struct {
	Slot int
	Err  error
}

func (e *SpoiledError) Error() string {
	return fmt.Sprintf("steer: the socket of slot %d has left the group: %v", e.Slot, e.Err)
}

func (e *SpoiledError) Unwrap() error { return e.Err }

// Lead has a pod's sockets, all of them, lead packets so from now on. Each is told, though one
// would do: the kernel refuses one that has left the group.
func Lead(group []*os.File, to To) error {
	raw, err := bpf.Assemble(to.program())
	if err != nil {
		return fmt.Errorf("steer: %w", err)
	}
	code := make([]unix.SockFilter, len(raw))
	for i, r := range raw {
		code[i] = unix.SockFilter{Code: r.Op, Jt: r.Jt, Jf: r.Jf, K: r.K}
	}
	program := unix.SockFprog{Len: uint16(len(code)), Filter: &code[0]}
	for slot, f := range group {
		err := attach(f, &program)
		switch {
		case errors.Is(err, errConnected) || errors.Is(err, unix.EINVAL): // it is, or was and has left the group
			return &SpoiledError{slot, err}
		case err != nil: // a shortage of memory, say: to be tried again
			return fmt.Errorf("steer: slot %d: %w", slot, err)
		}
	}
	return nil
}

var errConnected = errors.New("it is connected")

func attach(f *os.File, program *unix.SockFprog) error {
	c, err := f.SyscallConn()
	if err != nil {
		return err
	}
	controlled := c.Control(func(fd uintptr) {
		if _, connected := unix.Getpeername(int(fd)); !errors.Is(connected, unix.ENOTCONN) {
			err = errConnected
			return
		}
		err = unix.SetsockoptSockFprog(int(fd), unix.SOL_SOCKET, unix.SO_ATTACH_REUSEPORT_CBPF, program)
	})
	return errors.Join(controlled, err)
}

// Offsets in a packet (RFC 9000 section 17): a short header is one byte and the ID, a long one
// has the version and the length of the ID before it. What is shorter than a long one's is no
// packet: whoever takes what begins drops it. Unasked, the kernel would leave it to the first socket, read or not.
const (
	longHeader = 0x80
	shortID    = 1
	longLength = 5
	longID     = 6
)

// program returns the place in the group of the socket that a packet goes to.
func (t To) program() []bpf.Instruction {
	p := []bpf.Instruction{
		bpf.LoadExtension{Num: bpf.ExtLen},
		bpf.JumpIf{Cond: bpf.JumpGreaterThan, Val: longID, SkipTrue: 1},
		bpf.RetConstant{Val: uint32(t.Begins)},
		bpf.LoadAbsolute{Off: 0, Size: 1},
		bpf.JumpIf{Cond: bpf.JumpBitsSet, Val: longHeader, SkipFalse: 5},
		bpf.LoadAbsolute{Off: longLength, Size: 1},
		bpf.JumpIf{Cond: bpf.JumpEqual, Val: IDLength, SkipTrue: 1},
		bpf.RetConstant{Val: uint32(t.Begins)},
		bpf.LoadAbsolute{Off: longID, Size: 1},
		bpf.Jump{Skip: 1},
		bpf.LoadAbsolute{Off: shortID, Size: 1},
	}
	for slot, place := range t.Slots {
		p = append(p, bpf.JumpIf{Cond: bpf.JumpEqual, Val: uint32(slot), SkipFalse: 1}, bpf.RetConstant{Val: uint32(place)})
	}
	return append(p, bpf.RetConstant{Val: uint32(t.Begins)})
}

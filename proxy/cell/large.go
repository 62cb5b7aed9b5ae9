package cell

import (
	"errors"
	"fmt"
	"io"
	"os"

	"golang.org/x/sys/unix"

	"github.com/bulkhead-mesh/bulkhead/proxy/channel"
)

// Large stands for a message that no packet holds, as a Serve with many policies is: the
// first of the packet's descriptors is memory with that message in it, and the others come
// with that message.
//
// Memory, and not a message in parts: the keeper's answers are written between its pushes,
// so parts would have to be told apart, and kept by a cell until the last has come.
type Large struct {
	Bytes int64 `json:"bytes"`
}

// MaxMessage bounds a Large. Read, it becomes several times as much memory of a cell.
const MaxMessage = 4 << 20

// TooLargeError is a message over MaxMessage.
type TooLargeError struct{ Bytes int }

func (e *TooLargeError) Error() string {
	return fmt.Sprintf("channel: a message of %d bytes: %d are allowed", e.Bytes, MaxMessage)
}

// Packet is a message as it is sent.
type Packet struct {
	Bytes  []byte
	Memory *os.File // goes before the message's own descriptors; nil: the message is in Bytes
	Size   int      // of the message
}

// MemoryError is that there is no memory, or no descriptor for it, just now.
type MemoryError struct{ Err error }

func (e *MemoryError) Error() string { return "channel: " + e.Err.Error() }
func (e *MemoryError) Unwrap() error { return e.Err }

// Pack writes a message of the keeper's. The packet's memory is the caller's to close. Of a
// message that no packet holds it is a *TooLargeError or a *MemoryError.
func Pack(m *Message) (Packet, error) {
	b, err := Encode(m)
	switch {
	case err != nil:
		return Packet{}, err
	case len(b) <= channel.MaxPacket:
		return Packet{Bytes: b, Size: len(b)}, nil
	case len(b) > MaxMessage:
		return Packet{}, &TooLargeError{len(b)}
	}
	short, err := Encode(&Message{Large: &Large{Bytes: int64(len(b))}})
	if err != nil {
		return Packet{}, err
	}
	memory, err := remember(b)
	if err != nil {
		return Packet{}, &MemoryError{err}
	}
	return Packet{Bytes: short, Memory: memory, Size: len(b)}, nil
}

// remember is memory with b in it.
func remember(b []byte) (*os.File, error) {
	fd, err := unix.MemfdCreate("message", unix.MFD_CLOEXEC|unix.MFD_NOEXEC_SEAL) // vm.memfd_noexec=2 refuses others
	if errors.Is(err, unix.EINVAL) {                                              // before Linux 6.3
		fd, err = unix.MemfdCreate("message", unix.MFD_CLOEXEC)
	}
	if err != nil {
		return nil, os.NewSyscallError("memfd_create", err)
	}
	f := os.NewFile(uintptr(fd), "message")
	if _, err := f.Write(b); err != nil {
		f.Close()
		return nil, err
	}
	return f, nil
}

// Unpack reads what Pack wrote; own are the descriptors of the message itself. When it
// fails all of them are the caller's, as before.
func Unpack(packet []byte, files []*os.File) (m *Message, own []*os.File, err error) {
	m, err = Decode(packet)
	if err != nil || m.Large == nil {
		return m, files, err
	}
	if m, err = m.Large.read(files); err != nil {
		return nil, files, &MalformedError{err}
	}
	files[0].Close()
	return m, files[1:], nil
}

func (l *Large) read(files []*os.File) (*Message, error) {
	if len(files) == 0 || l.Bytes <= channel.MaxPacket || l.Bytes > MaxMessage {
		return nil, fmt.Errorf("a large message of %d bytes with %d descriptors", l.Bytes, len(files))
	}
	b, err := io.ReadAll(io.NewSectionReader(files[0], 0, l.Bytes))
	if err != nil {
		return nil, err
	}
	if int64(len(b)) != l.Bytes {
		return nil, io.ErrUnexpectedEOF
	}
	m, err := Decode(b)
	if err == nil && m.Large != nil {
		err = errors.New("a large message in a large one")
	}
	return m, err
}

package netns

import (
	"fmt"
	"os"
	"sync"

	"golang.org/x/sys/unix"
)

// A Namespace is one network namespace, held open by a descriptor.
// All methods may be called from several goroutines.
type Namespace struct {
	file  *os.File // immutable; nil only for Own where /proc is not readable
	inode string   // immutable
	own   bool     // immutable: never entered, never closed when it is Own's value
	keep  bool     // immutable: Close does nothing
}

// Open opens the network namespace at path, for example /proc/1234/ns/net or a
// descriptor of another process, /proc/1234/fd/5.
func Open(path string) (*Namespace, error) {
	fd, err := unix.Open(path, unix.O_RDONLY|unix.O_CLOEXEC|unix.O_NONBLOCK, 0)
	if err != nil {
		return nil, &Error{Op: OpOpen, Namespace: path, Err: err}
	}
	return FromFile(os.NewFile(uintptr(fd), path))
}

// FromFile makes a Namespace from a descriptor and takes ownership of f, also
// when it fails.
func FromFile(f *os.File) (*Namespace, error) {
	n, err := fromFile(f)
	if err != nil {
		f.Close()
		return nil, &Error{Op: OpOpen, Namespace: f.Name(), Err: err}
	}
	n.own = n.inode == Own().inode
	return n, nil
}

func fromFile(f *os.File) (*Namespace, error) {
	raw, err := f.SyscallConn()
	if err != nil {
		return nil, err
	}
	var st unix.Stat_t
	var kindErr, statErr error
	kind := 0
	err = raw.Control(func(fd uintptr) {
		kind, kindErr = unix.IoctlRetInt(int(fd), unix.NS_GET_NSTYPE)
		statErr = unix.Fstat(int(fd), &st)
	})
	switch {
	case err != nil:
		return nil, err
	case kindErr != nil || kind != unix.CLONE_NEWNET:
		return nil, ErrNotNetns
	case statErr != nil:
		return nil, statErr
	}
	return &Namespace{file: f, inode: fmt.Sprintf("net:[%d]", st.Ino)}, nil
}

// Own returns the process's own network namespace. Its Do, Listen and Dial
// never switch threads.
func Own() *Namespace { return own() }

// own is opened once and kept: Do needs it to come back, for each socket.
var own = sync.OnceValue(openOwn)

func openOwn() *Namespace {
	fallback := &Namespace{own: true, keep: true, inode: "net:[own]"}
	f, err := os.Open("/proc/self/ns/net")
	if err != nil {
		return fallback // without /proc the own namespace still works, others do not
	}
	n, err := fromFile(f)
	if err != nil {
		f.Close()
		return fallback
	}
	n.own, n.keep = true, true
	return n
}

// File returns the descriptor of the namespace. It stays n's: do not close it.
// It is nil for Own in a process that cannot read /proc.
func (n *Namespace) File() *os.File { return n.file }

// Inode names the namespace as the kernel does: "net:[4026531840]".
func (n *Namespace) Inode() string { return n.inode }

// IsOwn reports whether n is the network namespace of this process.
func (n *Namespace) IsOwn() bool { return n.own }

// Close releases the descriptor. Sockets born in the namespace stay.
func (n *Namespace) Close() error {
	if n.keep {
		return nil
	}
	return n.file.Close()
}

package control

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"net"
	"os"
	"path/filepath"
	"syscall"

	"golang.org/x/sys/unix"
)

const defaultMode = Mode(0o600)

// SocketError says why the socket cannot be had.
type SocketError struct {
	Path string
	Err  error
}

func (e *SocketError) Error() string { return fmt.Sprintf("control socket %s: %v", e.Path, e.Err) }
func (e *SocketError) Unwrap() error { return e.Err }

// Misuse tells commands that whoever called can mend it: by another path, or by ending the other control.
func (e *SocketError) Misuse() bool { return true }

// Reasons in a SocketError.
var (
	ErrInUse     = errors.New("another process serves it")
	ErrNotSocket = errors.New("the path exists and is not a socket")
	ErrStarting  = errors.New("another control is starting in this directory")
)

// listen takes the path: removes what a dead control left, binds, sets the mode.
func listen(path string, mode Mode) (*net.UnixListener, error) {
	if mode == 0 {
		mode = defaultMode
	}
	l, err := takeOver(path, mode)
	if err != nil {
		return nil, &SocketError{path, err}
	}
	if err := os.Chmod(path, fs.FileMode(mode)); err != nil {
		l.Close()
		return nil, &SocketError{path, err}
	}
	return l, nil
}

// takeOver runs under a lock on the directory. Without it two controls that start together could both find the socket
// stale, and the slower one would remove the other's new one. The lock is on the directory itself, so that no lock file
// stays behind, and ends with its descriptor, so that a crash does not keep it.
func takeOver(path string, mode Mode) (*net.UnixListener, error) {
	dir, err := os.Open(filepath.Dir(path))
	if err != nil {
		return nil, err
	}
	defer dir.Close()
	err = unix.Flock(int(dir.Fd()), unix.LOCK_EX|unix.LOCK_NB)
	if errors.Is(err, unix.EWOULDBLOCK) {
		return nil, ErrStarting
	}
	if err != nil {
		return nil, err
	}
	if err := removeStale(path); err != nil {
		return nil, err
	}
	return bind(path, mode)
}

// bind makes the socket with no more than mode from its first moment. Changing the mode of a descriptor before bind does
// that on Linux (less the umask, hence the chmod afterwards); the umask itself belongs to the whole process.
func bind(path string, mode Mode) (*net.UnixListener, error) {
	narrow := net.ListenConfig{Control: func(_, _ string, c syscall.RawConn) error {
		var failed error
		err := c.Control(func(fd uintptr) { failed = unix.Fchmod(int(fd), uint32(mode)) })
		return errors.Join(err, failed)
	}}
	l, err := narrow.Listen(context.Background(), "unix", path)
	if err != nil {
		return nil, err
	}
	return l.(*net.UnixListener), nil
}

// removeStale removes a socket that nobody listens on. Only a refused connection proves that; every other answer means
// that somebody may be there.
func removeStale(path string) error {
	st, err := os.Lstat(path)
	switch {
	case errors.Is(err, fs.ErrNotExist):
		return nil
	case err != nil:
		return err
	case st.Mode().Type() != fs.ModeSocket:
		return ErrNotSocket
	}
	c, err := net.DialUnix("unix", nil, &net.UnixAddr{Name: path, Net: "unix"})
	if err == nil {
		c.Close()
		return ErrInUse
	}
	if !errors.Is(err, unix.ECONNREFUSED) {
		return err
	}
	return os.Remove(path)
}

package control

import (
	"errors"
	"fmt"
	"io/fs"
	"net"
	"os"
	"path/filepath"

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

// Reasons in a SocketError.
var (
	ErrInUse     = errors.New("another process serves it")
	ErrNotSocket = errors.New("the path exists and is not a socket")
	ErrStarting  = errors.New("another control is starting in this directory")
)

// listen takes the path: removes what a dead control left, binds, sets the mode.
func listen(path string, mode Mode) (*net.UnixListener, error) {
	l, err := takeOver(path)
	if err != nil {
		return nil, &SocketError{path, err}
	}
	if mode == 0 {
		mode = defaultMode
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
func takeOver(path string) (*net.UnixListener, error) {
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
	return net.ListenUnix("unix", &net.UnixAddr{Name: path, Net: "unix"})
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

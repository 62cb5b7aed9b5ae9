package attack

import (
	"os"

	"golang.org/x/sys/unix"
)

// files opens what belongs to others, and connects to their sockets.
func (t *thief) files() {
	for _, f := range t.Files {
		if f.Socket {
			t.try("connect to a socket", f.Owner, func() error { return connectTo(f.Path) })
			continue
		}
		t.try("open a file", f.Owner, func() error { return open(f.Path) })
	}
	t.try("list the node's files", "node", func() error {
		// A container's root is a directory, too: what counts is the machine's.
		_, err := os.ReadDir("/etc")
		return err
	})
}

func open(path string) error {
	f, err := os.Open(path)
	if err != nil {
		return err
	}
	return f.Close()
}

func connectTo(path string) error {
	fd, err := unix.Socket(unix.AF_UNIX, unix.SOCK_STREAM|unix.SOCK_CLOEXEC, 0)
	if err != nil {
		return err
	}
	defer unix.Close(fd)
	return unix.Connect(fd, &unix.SockaddrUnix{Name: path})
}

package lab

import (
	"errors"
	"io/fs"
	"os"

	"golang.org/x/sys/unix"
)

// bindHosts puts the lab's hosts file in place of /etc/hosts, for the lab's mount
// namespace only. A machine without /etc/hosts goes without names.
func (l *Lab) bindHosts() error {
	if err := l.writeHosts(false); err != nil {
		return err
	}
	err := unix.Mount(l.path(hostsFile), "/etc/hosts", "", unix.MS_BIND, "")
	if errors.Is(err, fs.ErrNotExist) {
		l.progress("no /etc/hosts on this machine: names of services will not work, addresses will")
		return nil
	}
	return at("names", "/etc/hosts", err)
}

// writeHosts changes the file in place: the mount is of this inode.
func (l *Lab) writeHosts(virtual bool) error {
	return at("names", "", os.WriteFile(l.path(hostsFile), []byte(hosts(l.topology, virtual)), 0o644))
}

// unbindHosts also serves a worker that makes several labs after each other, which
// tests do.
func (l *Lab) unbindHosts() error {
	err := unix.Unmount("/etc/hosts", unix.MNT_DETACH)
	if errors.Is(err, unix.EINVAL) || errors.Is(err, fs.ErrNotExist) {
		return nil // it was not mounted
	}
	return at("names", "/etc/hosts", err)
}

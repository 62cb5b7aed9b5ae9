package sandbox

import (
	"fmt"
	"os"
	"testing"

	"github.com/vishvananda/netlink"
	"golang.org/x/sys/unix"

	"github.com/bulkhead-mesh/bulkhead/redirect/netns"
)

// Stretch lays another wire in place of the first: a TAP device at each end, whose descriptors it returns. Whoever gets them
// carries Ethernet frames from one to the other, as late as it likes, and closes them. Addresses and routes are the same.
func (p *Pair) Stretch(t testing.TB) (a, b *os.File) {
	t.Helper()
	err := p.A.Do(func() error {
		link, err := netlink.LinkByName(wire)
		if err != nil {
			return err
		}
		return netlink.LinkDel(link) // both ends of it
	})
	if err == nil {
		a, err = tap(p.A)
	}
	if err == nil {
		b, err = tap(p.B)
	}
	if err == nil {
		err = p.A.Do(func() error { return plug(p.A4, p.A6, p.B4, p.B6) })
	}
	if err == nil {
		err = p.B.Do(func() error { return plug(p.B4, p.B6, p.A4, p.A6) })
	}
	if err != nil {
		a.Close() // nil, where there is none, refuses that
		b.Close()
		t.Fatal("sandbox: stretch the wire: ", err)
	}
	return a, b
}

// tap makes a TAP device that is the wire's end in a namespace.
func tap(n *netns.Namespace) (f *os.File, err error) {
	err = n.Do(func() error {
		fd, err := unix.Open("/dev/net/tun", unix.O_RDWR|unix.O_CLOEXEC|unix.O_NONBLOCK, 0)
		if err != nil {
			return fmt.Errorf("open /dev/net/tun: %w", err)
		}
		request, err := unix.NewIfreq(wire)
		if err == nil {
			request.SetUint16(unix.IFF_TAP | unix.IFF_NO_PI)
			err = unix.IoctlIfreq(fd, unix.TUNSETIFF, request)
		}
		if err != nil {
			unix.Close(fd)
			return fmt.Errorf("tap: %w", err)
		}
		f = os.NewFile(uintptr(fd), "tap") // only now: before, it could not be polled
		return nil
	})
	return f, err
}

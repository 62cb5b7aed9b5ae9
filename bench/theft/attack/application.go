package attack

import (
	"context"
	"errors"
	"net/netip"
	"time"

	"github.com/google/nftables"
	"golang.org/x/sys/unix"

	"github.com/bulkhead-mesh/bulkhead/redirect"
	"github.com/bulkhead-mesh/bulkhead/redirect/netns"
)

// ofApplication is what the application of a pod tries against the proxy beside it, with
// which it shares the pod's network. Namespaces, processes and files are those of
// everybody, its own proxy's among them.
func (t *thief) ofApplication(ctx context.Context) {
	for _, d := range t.Allowed {
		t.control("a request that policy allows", func() error { return t.through(ctx, d, 0) })
	}
	for _, d := range t.Denied {
		t.try("what policy denies", d.Workload, func() error { return t.through(ctx, d, 0) })
		t.try("the same, in plaintext past capture", d.Workload, func() error { return t.through(ctx, d, redirect.MarkProxy) })
	}
	for _, port := range t.Ports {
		t.try("take over a port", t.Proxy, func() error { return takePort(port) })
	}
	t.try("read the capture rules", t.Proxy, readRules)
	t.try("change the capture rules", t.Proxy, changeRules)
	t.namespaces()
	t.processes()
	t.files()
	t.sockets()
	t.sources()
	t.privileges()
}

// through asks for the destination's page as any program of the pod does; with a mark it
// poses as the proxy, whose own connections are not captured.
func (t *thief) through(ctx context.Context, d Destination, mark int) error {
	ctx, cancel := context.WithTimeout(ctx, dialTimeout)
	defer cancel()
	c, err := netns.Own().Dial(ctx, netns.DialOptions{Remote: d.Address, Mark: mark})
	if err != nil {
		return err
	}
	defer c.Close()
	if err := c.SetDeadline(time.Now().Add(dialTimeout)); err != nil {
		return err
	}
	return page(c)
}

// takePort listens beside the proxy: the kernel lets several share a port when all agree,
// or when their addresses differ.
func takePort(port uint16) error {
	fd, err := unix.Socket(unix.AF_INET, unix.SOCK_STREAM|unix.SOCK_CLOEXEC, 0)
	if err != nil {
		return err
	}
	defer unix.Close(fd)
	for _, option := range []int{unix.SO_REUSEADDR, unix.SO_REUSEPORT} {
		if err := unix.SetsockoptInt(fd, unix.SOL_SOCKET, option, 1); err != nil {
			return err
		}
	}
	loopback := netip.AddrPortFrom(netip.AddrFrom4([4]byte{127, 0, 0, 1}), port)
	if err := unix.Bind(fd, sockaddr(loopback)); err != nil {
		return err
	}
	return unix.Listen(fd, 1)
}

var errNoRules = errors.New("there are none")

func readRules() error {
	c, err := nftables.New()
	if err != nil {
		return err
	}
	tables, err := c.ListTables()
	if err == nil && len(tables) == 0 {
		err = errNoRules
	}
	return err
}

// changeRules adds an empty table, which takes the same right as removing the proxy's.
func changeRules() error {
	c, err := nftables.New()
	if err != nil {
		return err
	}
	c.AddTable(&nftables.Table{Family: nftables.TableFamilyINet, Name: "bulkhead-attack"})
	return c.Flush()
}

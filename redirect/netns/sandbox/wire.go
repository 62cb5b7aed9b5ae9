package sandbox

import (
	"errors"
	"fmt"
	"net"
	"net/netip"
	"os"
	"time"

	"github.com/vishvananda/netlink"
	"golang.org/x/sys/unix"

	"github.com/bulkhead-mesh/bulkhead/redirect/netns"
)

const wire = "eth0"

// join lays the wire and gives both ends their addresses and routes.
func (p *Pair) join() error {
	if !hasIPv6() {
		p.A6, p.B6 = netip.Addr{}, netip.Addr{}
	}
	for _, n := range []*netns.Namespace{p.A, p.B} {
		if err := n.Do(skipDAD); err != nil {
			return err
		}
	}
	if err := p.A.Do(p.layWire); err != nil {
		return err
	}
	if err := p.A.Do(func() error { return plug(p.A4, p.A6, p.B4, p.B6) }); err != nil {
		return err
	}
	return p.B.Do(func() error { return plug(p.B4, p.B6, p.A4, p.A6) })
}

func hasIPv6() bool {
	fd, err := unix.Socket(unix.AF_INET6, unix.SOCK_DGRAM|unix.SOCK_CLOEXEC, 0)
	if err != nil {
		return false
	}
	unix.Close(fd)
	return true
}

// skipDAD makes IPv6 addresses of later interfaces, link-local ones included,
// usable at once. /proc/sys/net shows the namespace of the thread that opens it.
func skipDAD() error {
	for _, which := range []string{"all", "default"} {
		err := os.WriteFile("/proc/sys/net/ipv6/conf/"+which+"/accept_dad", []byte("0"), 0)
		if err != nil && !errors.Is(err, os.ErrNotExist) {
			return fmt.Errorf("switch off duplicate address detection: %w", err)
		}
	}
	return nil
}

func (p *Pair) layWire() error {
	veth := &netlink.Veth{LinkAttrs: netlink.NewLinkAttrs(), PeerName: wire, PeerNamespace: netlink.NsFd(int(p.B.File().Fd()))}
	veth.Name = wire
	if err := netlink.LinkAdd(veth); err != nil {
		return fmt.Errorf("make a veth pair: %w", err)
	}
	return nil
}

// plug brings this end up; it runs inside the namespace of the end.
func plug(own4, own6, far4, far6 netip.Addr) error {
	link, err := wireUp()
	if err != nil {
		return err
	}
	if err := address(link, own4, far4, 24, "0.0.0.0/0"); err != nil || !own6.IsValid() {
		return err
	}
	if err := address(link, own6, far6, 64, "::/0"); err != nil {
		return err
	}
	return WaitLocal(own6)
}

// wireUp brings the wire's end in this namespace up.
func wireUp() (netlink.Link, error) {
	link, err := netlink.LinkByName(wire)
	if err == nil {
		err = netlink.LinkSetUp(link)
	}
	if err != nil {
		return nil, fmt.Errorf("bring %s up: %w", wire, err)
	}
	return link, nil
}

// WaitLocal waits, in the namespace of the caller's thread, until packets to an IPv6 address are taken in. Even without
// duplicate address detection the kernel leaves that to a worker of its own, and
// drops what arrives before.
func WaitLocal(own netip.Addr) error {
	tick := time.NewTicker(time.Millisecond)
	defer tick.Stop()
	for deadline := time.Now().Add(30 * time.Second); time.Now().Before(deadline); <-tick.C {
		routes, err := netlink.RouteGet(own.AsSlice())
		if err == nil && len(routes) == 1 && routes[0].Type == unix.RTN_LOCAL {
			return nil
		}
	}
	return fmt.Errorf("address %v did not become usable", own)
}

// AddAddress gives a link an address that is not waited for: see WaitLocal.
func AddAddress(link netlink.Link, own netip.Addr, bits int) error {
	a := &netlink.Addr{IPNet: &net.IPNet{IP: own.AsSlice(), Mask: net.CIDRMask(bits, own.BitLen())}, Flags: unix.IFA_F_NODAD}
	if err := netlink.AddrAdd(link, a); err != nil {
		return fmt.Errorf("add address %v: %w", own, err)
	}
	return nil
}

// address adds an address, and the default route by way of the other end.
func address(link netlink.Link, own, far netip.Addr, bits int, all string) error {
	if err := AddAddress(link, own, bits); err != nil {
		return err
	}
	_, everything, err := net.ParseCIDR(all)
	if err != nil {
		return err
	}
	r := &netlink.Route{LinkIndex: link.Attrs().Index, Dst: everything, Gw: far.AsSlice()}
	if err := netlink.RouteAdd(r); err != nil {
		return fmt.Errorf("add default route via %v: %w", far, err)
	}
	return nil
}

// takeOver runs inside the namespace. The kernel would take the new address away with the first of its
// network, unless it is told to let it take over.
func takeOver(from, to netip.Addr) error {
	if err := os.WriteFile("/proc/sys/net/ipv4/conf/all/promote_secondaries", []byte("1"), 0); err != nil {
		return err
	}
	link, err := netlink.LinkByName(wire)
	if err != nil {
		return err
	}
	if err := AddAddress(link, to, 24); err != nil {
		return err
	}
	return removeAddress(from)
}

// removeAddress takes an IPv4 address off the wire's end in this namespace.
func removeAddress(own netip.Addr) error {
	link, err := netlink.LinkByName(wire)
	if err != nil {
		return err
	}
	old := &netlink.Addr{IPNet: &net.IPNet{IP: own.AsSlice(), Mask: net.CIDRMask(24, 32)}}
	if err := netlink.AddrDel(link, old); err != nil {
		return fmt.Errorf("remove address %v: %w", own, err)
	}
	return nil
}

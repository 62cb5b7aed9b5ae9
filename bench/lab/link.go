package lab

import (
	"errors"
	"fmt"
	"net"
	"net/netip"

	"github.com/vishvananda/netlink"
	nsfd "github.com/vishvananda/netns"
	"golang.org/x/sys/unix"

	"github.com/bulkhead-mesh/bulkhead/redirect/netns"
)

// within calls do with a netlink handle of a namespace.
func within(ns *netns.Namespace, do func(*netlink.Handle) error) error {
	h, err := netlink.NewHandleAt(nsfd.NsHandle(ns.File().Fd()), unix.NETLINK_ROUTE)
	if err != nil {
		return err
	}
	defer h.Close()
	return do(h)
}

// veth makes a pair, both ends up.
func veth(h *netlink.Handle, name, peer string, in *netns.Namespace) error {
	attrs := netlink.NewLinkAttrs()
	attrs.Name = name
	err := h.LinkAdd(&netlink.Veth{LinkAttrs: attrs, PeerName: peer, PeerNamespace: netlink.NsFd(in.File().Fd())})
	if err != nil {
		return fmt.Errorf("veth %s: %w", name, err)
	}
	return up(h, name)
}

// remove removes a link that may never have been made.
func remove(h *netlink.Handle, name string) error {
	link, err := h.LinkByName(name)
	var missing netlink.LinkNotFoundError
	if errors.As(err, &missing) {
		return nil
	}
	if err != nil {
		return err
	}
	return h.LinkDel(link)
}

func up(h *netlink.Handle, name string) error {
	link, err := h.LinkByName(name)
	if err != nil {
		return err
	}
	return h.LinkSetUp(link)
}

// address gives a link its addresses and brings it up. Duplicate address detection
// would keep IPv6 addresses unusable for a second or two.
func address(h *netlink.Handle, name string, bits4, bits6 int, addrs ...netip.Addr) error {
	link, err := h.LinkByName(name)
	if err != nil {
		return err
	}
	if err := h.LinkSetUp(link); err != nil {
		return err
	}
	for _, a := range addrs {
		n := &netlink.Addr{IPNet: ipNet(a, bits4, bits6)}
		if a.Is6() {
			n.Flags = unix.IFA_F_NODAD
		}
		if err := h.AddrAdd(link, n); err != nil {
			return fmt.Errorf("address %s on %s: %w", a, name, err)
		}
	}
	return nil
}

func ipNet(a netip.Addr, bits4, bits6 int) *net.IPNet {
	bits := bits4
	if a.Is6() {
		bits = bits6
	}
	return &net.IPNet{IP: a.AsSlice(), Mask: net.CIDRMask(bits, a.BitLen())}
}

// hostRoutes says that addresses are directly behind a link.
func hostRoutes(h *netlink.Handle, name string, to ...netip.Addr) error {
	link, err := h.LinkByName(name)
	if err != nil {
		return err
	}
	for _, a := range to {
		if err := route(h, link, netip.PrefixFrom(a, a.BitLen()), netip.Addr{}); err != nil {
			return err
		}
	}
	return nil
}

func defaultRoutes(h *netlink.Handle, name string, via ...netip.Addr) error {
	link, err := h.LinkByName(name)
	if err != nil {
		return err
	}
	for _, a := range via {
		everywhere := netip.PrefixFrom(netip.IPv4Unspecified(), 0)
		if a.Is6() {
			everywhere = netip.PrefixFrom(netip.IPv6Unspecified(), 0)
		}
		if err := route(h, link, everywhere, a); err != nil {
			return err
		}
	}
	return nil
}

// route adds one route; link or via may be missing, not both.
func route(h *netlink.Handle, link netlink.Link, to netip.Prefix, via netip.Addr) error {
	r := &netlink.Route{Dst: &net.IPNet{IP: to.Addr().AsSlice(), Mask: net.CIDRMask(to.Bits(), to.Addr().BitLen())}}
	if link != nil {
		r.LinkIndex = link.Attrs().Index
	}
	if via.IsValid() {
		r.Gw = via.AsSlice()
	} else if to.Addr().Is4() {
		r.Scope = netlink.SCOPE_LINK
	}
	if err := h.RouteAdd(r); err != nil {
		return fmt.Errorf("route to %s: %w", to, err)
	}
	return nil
}

package lab

import (
	"errors"
	"fmt"
	"net"
	"net/netip"
	"slices"
	"time"

	"github.com/vishvananda/netlink"
	nsfd "github.com/vishvananda/netns"
	"golang.org/x/sys/unix"

	"github.com/bulkhead-mesh/bulkhead/redirect/netns"
)

// within calls do with a netlink handle of a namespace. For the process's own nothing
// is entered, which an ordinary user could not.
func within(ns *netns.Namespace, do func(*netlink.Handle) error) error {
	h, err := handle(ns)
	if err != nil {
		return err
	}
	defer h.Close()
	return do(h)
}

func handle(ns *netns.Namespace) (*netlink.Handle, error) {
	if ns.IsOwn() {
		return netlink.NewHandle(unix.NETLINK_ROUTE)
	}
	return netlink.NewHandleAt(nsfd.NsHandle(ns.File().Fd()), unix.NETLINK_ROUTE)
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

// await6 waits until IPv6 works in a namespace: the given address has its local
// route, and none is tentative. No address is fine.
func await6(ns *netns.Namespace, a netip.Addr, deadline time.Time) error {
	if !a.IsValid() {
		return nil
	}
	return within(ns, func(h *netlink.Handle) error {
		for {
			local, errLocal := isLocal(h, a)
			tentative, errTentative := anyTentative(h)
			if err := errors.Join(errLocal, errTentative); err != nil || local && !tentative {
				return err
			}
			if time.Now().After(deadline) {
				return fmt.Errorf("address %s does not come up", a)
			}
			time.Sleep(pollInterval)
		}
	})
}

func isLocal(h *netlink.Handle, a netip.Addr) (bool, error) {
	routes, err := h.RouteListFiltered(netlink.FAMILY_V6, &netlink.Route{Table: unix.RT_TABLE_LOCAL}, netlink.RT_FILTER_TABLE)
	return slices.ContainsFunc(routes, func(r netlink.Route) bool {
		return r.Dst != nil && r.Dst.IP.Equal(a.AsSlice()) && r.Type == unix.RTN_LOCAL
	}), err
}

func anyTentative(h *netlink.Handle) (bool, error) {
	addrs, err := h.AddrList(nil, netlink.FAMILY_V6)
	return slices.ContainsFunc(addrs, func(a netlink.Addr) bool { return a.Flags&unix.IFA_F_TENTATIVE != 0 }), err
}

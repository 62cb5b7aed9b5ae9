package rules

import (
	"errors"
	"net"
	"net/netip"
	"os"
	"slices"
	"strconv"
	"testing"

	"github.com/google/nftables"
	"github.com/google/nftables/expr"
	"github.com/vishvananda/netlink"
	"golang.org/x/sys/unix"

	"github.com/bulkhead-mesh/bulkhead/redirect"
	"github.com/bulkhead-mesh/bulkhead/redirect/netns"
)

// A forgery sends one packet with a source that may not be the pod's, as a
// process with CAP_NET_RAW can.
type forgery struct {
	name string
	send func(w *world, source, to netip.AddrPort) error
}

var forgeries = []forgery{
	{"UDP", func(w *world, source, to netip.AddrPort) error { return w.datagram(source, to, "forged") }},
	{"TCP", (*world).syn},
}

// datagram sends text from an address of the caller's choice, under the proxy's
// mark.
func (w *world) datagram(source, to netip.AddrPort, text string) error {
	return w.forge(unix.SOCK_DGRAM, source, func(fd int) error {
		return unix.Sendto(fd, []byte(text), 0, sockaddr(to))
	})
}

// syn sends the first packet of a connection, and gives the connection up.
func (w *world) syn(source, to netip.AddrPort) error {
	return w.forge(unix.SOCK_STREAM|unix.SOCK_NONBLOCK, source, func(fd int) error {
		if err := unix.Connect(fd, sockaddr(to)); !errors.Is(err, unix.EINPROGRESS) {
			return err
		}
		return nil
	})
}

func (w *world) forge(kind int, source netip.AddrPort, send func(fd int) error) error {
	return w.A.Do(func() error {
		family, level, transparent := unix.AF_INET, unix.IPPROTO_IP, unix.IP_TRANSPARENT
		if source.Addr().Is6() {
			family, level, transparent = unix.AF_INET6, unix.IPPROTO_IPV6, unix.IPV6_TRANSPARENT
		}
		fd, err := unix.Socket(family, kind|unix.SOCK_CLOEXEC, 0)
		if err != nil {
			return err
		}
		defer unix.Close(fd)
		return errors.Join(
			unix.SetsockoptInt(fd, unix.SOL_SOCKET, unix.SO_MARK, redirect.MarkProxy),
			unix.SetsockoptInt(fd, level, transparent, 1),
			unix.Bind(fd, sockaddr(source)),
			send(fd),
		)
	})
}

func sockaddr(a netip.AddrPort) unix.Sockaddr {
	if a.Addr().Is4() {
		return &unix.SockaddrInet4{Port: int(a.Port()), Addr: a.Addr().As4()}
	}
	return &unix.SockaddrInet6{Port: int(a.Port()), Addr: a.Addr().As16()}
}

// fromTo is how the addresses of a packet stand in its header, which tells it
// from the answer.
func fromTo(source, to netip.Addr) string {
	return string(slices.Concat(source.AsSlice(), to.AsSlice()))
}

// caughtUp waits until a packet that is sent now has been seen: those from
// before have been, then, or will not be.
func (w *world) caughtUp() {
	w.Helper()
	for _, s := range w.sides() {
		w.must(w.datagram(netip.AddrPortFrom(s.pod, 0), netip.AddrPortFrom(s.peer, 9), "MARKER-caught-up "+s.name))
		w.public("MARKER-caught-up " + s.name)
	}
}

func flushSource(w *world) {
	w.edit(func(k *kernel) { k.nft.FlushChain(&nftables.Chain{Name: "source", Table: inet(guardName)}) })
}

// No packet leaves the pod with a source not its own, whatever becomes of the
// redirecting table (I4: nobody can act in a neighbour's name).
func TestForgedSourcesDoNotLeaveThePod(t *testing.T) {
	for name, test := range map[string]struct {
		happens func(*world)
		seen    bool
	}{
		"installed":            {happens: func(*world) {}},
		"moved":                {happens: func(w *world) { w.install(sidecar) }},
		"released":             {happens: func(w *world) { w.must(Release(w.A)) }},
		"chain lost, put back": {happens: func(w *world) { flushSource(w); w.install(node) }},
		"control: no chain":    {happens: flushSource, seen: true},
		"control: removed":     {happens: func(w *world) { w.must(Remove(w.Context(), w.A)) }, seen: true},
	} {
		t.Run(name, func(t *testing.T) {
			w := newWorld(t)
			w.install(node)
			test.happens(w)
			for _, s := range w.sides() {
				// A neighbour's address, and one of the pod's own subnet.
				for _, source := range []netip.Addr{s.foreign, s.pod.Next().Next()} {
					for _, f := range forgeries {
						err := f.send(w, netip.AddrPortFrom(source, 0), netip.AddrPortFrom(s.peer, 8080))
						if test.seen && err != nil || err != nil && !errors.Is(err, unix.EPERM) {
							t.Errorf("%s over %s: %v", f.name, s.name, err)
						}
						if test.seen {
							w.public(fromTo(source, s.peer))
						}
					}
				}
			}
			w.caughtUp()
			for _, s := range w.sides() {
				if !test.seen {
					w.secret(fromTo(s.foreign, s.peer))
					w.secret(fromTo(s.pod.Next().Next(), s.peer))
				}
			}
		})
	}
}

// What is the pod's own is asked for each packet.
func TestAnAddressOfLaterIsThePodsOwn(t *testing.T) {
	w := newWorld(t)
	w.install(node)
	for _, s := range w.sides() {
		later := netip.AddrPortFrom(s.foreign, 0)
		if err := w.datagram(later, netip.AddrPortFrom(s.peer, 9), "MARKER-early"); !errors.Is(err, unix.EPERM) {
			t.Errorf("sending from %v before it is the pod's: %v", later, err)
		}
		w.addAddress(w.A, s.foreign)
		w.must(w.datagram(later, netip.AddrPortFrom(s.peer, 9), "MARKER-later "+s.name))
		w.public("MARKER-later " + s.name)
	}
	w.secret("MARKER-early")
}

// Containers inside the pod, or a VPN, leave it under its address.
func TestTranslatedSourcesLeaveThePod(t *testing.T) {
	w := newWorld(t)
	w.install(node)
	w.edit(func(k *kernel) {
		w.must(k.put(StepTable, table{name: "inner", chains: []chain{{
			name: "leave", kind: nftables.ChainTypeNAT,
			hook: nftables.ChainHookPostrouting, priority: nftables.ChainPriorityNATSource,
			rules: []rule{
				newRule("", sourceIs(w.sides()[0].foreign), []expr.Any{&expr.Masq{}}),
				newRule("", sourceIs(w.sides()[1].foreign), []expr.Any{&expr.Masq{}}),
			},
		}}}))
	})
	for _, s := range w.sides() {
		w.must(w.datagram(netip.AddrPortFrom(s.foreign, 0), netip.AddrPortFrom(s.peer, 9), "MARKER-inner "+s.name))
		w.public("MARKER-inner " + s.name)
		w.secret(fromTo(s.foreign, s.peer))
	}
}

// A pod looks for its neighbours, and for conflicts before it takes an address,
// which it does without one.
func TestNeighbourDiscoveryGoesOn(t *testing.T) {
	w := newWorld(t)
	w.install(node)
	fresh := netip.MustParseAddr("fd00:77::5")
	w.must(w.A.Do(func() error {
		link, err := netlink.LinkByName("eth0")
		if err != nil {
			return err
		}
		bits := net.CIDRMask(128, 128)
		return errors.Join(
			os.WriteFile("/proc/sys/net/ipv6/conf/all/accept_dad", []byte("1"), 0),
			os.WriteFile("/proc/sys/net/ipv6/conf/eth0/accept_dad", []byte("1"), 0),
			netlink.AddrAdd(link, &netlink.Addr{IPNet: &net.IPNet{IP: fresh.AsSlice(), Mask: bits}}),
		)
	}))
	w.public(fromTo(netip.IPv6Unspecified(), netip.MustParseAddr("ff02::1:ff00:5")))

	l := w.listen(w.B, redirect.HBONEPort)
	own, peer := w.linkLocal(w.A), w.linkLocal(w.B)
	to := netip.AddrPortFrom(peer.WithZone(own.Zone()), redirect.HBONEPort)
	c := w.dialWith(w.A, netns.DialOptions{Remote: to, Mark: redirect.MarkProxy})
	w.send(c, w.accept(l), "MARKER-link-local")
	w.public(fromTo(own, peer))
}

// linkLocal returns the link-local address of eth0, with its index as the zone.
func (w *world) linkLocal(n *netns.Namespace) (own netip.Addr) {
	w.Helper()
	w.must(n.Do(func() error {
		link, err := netlink.LinkByName("eth0")
		if err != nil {
			return err
		}
		as, err := netlink.AddrList(link, netlink.FAMILY_V6)
		for _, a := range as {
			if ip, _ := netip.AddrFromSlice(a.IP); ip.IsLinkLocalUnicast() {
				own = ip.WithZone(strconv.Itoa(link.Attrs().Index))
			}
		}
		return err
	}))
	if !own.IsValid() {
		w.Fatal("eth0 has no link-local address")
	}
	return own
}

// A DHCP client has no address and asks everybody.
func TestAskingForAnAddressGoesOn(t *testing.T) {
	w := newWorld(t)
	w.install(node)
	everybody := netip.MustParseAddr("255.255.255.255")
	w.must(w.A.Do(func() error {
		link, err := netlink.LinkByName("eth0")
		if err != nil {
			return err
		}
		if err := netlink.AddrDel(link, &netlink.Addr{IPNet: &net.IPNet{IP: w.A4.AsSlice(), Mask: net.CIDRMask(24, 32)}}); err != nil {
			return err
		}
		fd, err := unix.Socket(unix.AF_INET, unix.SOCK_DGRAM|unix.SOCK_CLOEXEC, 0)
		if err != nil {
			return err
		}
		defer unix.Close(fd)
		return errors.Join(
			unix.SetsockoptInt(fd, unix.SOL_SOCKET, unix.SO_BROADCAST, 1),
			unix.BindToDevice(fd, "eth0"),
			unix.Bind(fd, &unix.SockaddrInet4{Port: 68}),
			unix.Sendto(fd, []byte("MARKER-discover"), 0, sockaddr(netip.AddrPortFrom(everybody, 67))),
		)
	}))
	w.public("MARKER-discover")
	w.public(fromTo(netip.IPv4Unspecified(), everybody))
}

package lab

import (
	"errors"
	"fmt"
	"net/netip"
	"os"
	"slices"
	"time"

	"github.com/vishvananda/netlink"
	"golang.org/x/sys/unix"

	"github.com/bulkhead-mesh/bulkhead/bench/fault"
	"github.com/bulkhead-mesh/bulkhead/bench/wire"
	"github.com/bulkhead-mesh/bulkhead/redirect/netns"
)

// lateLink is a relay in a node's uplink, on the fabric's side.
//
//	br0 ── late-a ═ relay ═ late-b ── late ── node-1 ══ veth ══ eth0
//
// The relay's ends are TAP devices. Packet sockets on the link itself would see what
// senders leave to hardware, segments of 64 KiB without checksums; towards a TAP device
// that can do neither, the kernel does both. The port moves from one bridge to the other
// in one step, and addresses, MACs and the node itself stay what they are: connections
// notice nothing but the delay, and no neighbour has to be told.
type lateLink struct {
	node   string
	number int // of the node, in the devices' names
	relay  *wire.Relay
}

func (d *lateLink) name(part string) string { return fmt.Sprintf("late%d%s", d.number, part) }

// delay has a relay in the uplink, or none. The caller holds linking.
func (l *Lab) delay(node string, i wire.Impairment) error {
	if d := l.uplinks.late[node]; d != nil {
		if err := d.remove(); err != nil {
			return err
		}
		delete(l.uplinks.late, node)
	}
	if i.Late() == 0 {
		return nil
	}
	d := &lateLink{node: node, number: l.topology.node(node).Number}
	if err := d.insert(delays(i.Late(), l.spared())); err != nil {
		return errors.Join(err, d.remove())
	}
	if l.uplinks.late == nil {
		l.uplinks.late = make(map[string]*lateLink)
	}
	l.uplinks.late[node] = d
	return nil
}

// insert builds everything beside the link, and moves the port last.
func (d *lateLink) insert(delays wire.Delays) error {
	a, err := tap(d.name("a"))
	if err != nil {
		return err
	}
	b, err := tap(d.name("b"))
	if err != nil {
		return errors.Join(err, a.Close())
	}
	d.relay = wire.NewRelay(a, b, delays)
	return within(netns.Own(), func(h *netlink.Handle) error {
		attrs := netlink.NewLinkAttrs()
		attrs.Name = d.name("")
		if err := h.LinkAdd(&netlink.Bridge{LinkAttrs: attrs}); err != nil {
			return err
		}
		for _, port := range []struct{ name, bridge string }{{d.name("a"), bridgeName}, {d.name("b"), d.name("")}} {
			if err := errors.Join(join(h, port.name, port.bridge), up(h, port.name)); err != nil {
				return err
			}
		}
		if err := up(h, d.name("")); err != nil {
			return err
		}
		return join(h, d.node, d.name(""))
	})
}

// remove moves the port back first. TAP devices go with the relay's descriptors.
func (d *lateLink) remove() error {
	err := within(netns.Own(), func(h *netlink.Handle) error {
		return errors.Join(join(h, d.node, bridgeName), remove(h, d.name("")))
	})
	if d.relay != nil {
		err = errors.Join(err, d.relay.Close())
		d.relay = nil
	}
	return err
}

// join makes a link the port of a bridge, whichever it was of.
func join(h *netlink.Handle, port, bridge string) error {
	to, err := h.LinkByName(bridge)
	if err != nil {
		return err
	}
	link, err := h.LinkByName(port)
	if err != nil {
		return err
	}
	return h.LinkSetMaster(link, to)
}

// tap makes a TAP device in the worker's namespace. It lives as long as its descriptor.
func tap(name string) (*os.File, error) {
	fd, err := unix.Open("/dev/net/tun", unix.O_RDWR|unix.O_CLOEXEC|unix.O_NONBLOCK, 0)
	if err != nil {
		return nil, &fault.NotEnforceableError{Why: fmt.Sprintf("nothing can be delayed without /dev/net/tun (%v)", err)}
	}
	request, err := unix.NewIfreq(name)
	if err == nil {
		request.SetUint16(unix.IFF_TAP | unix.IFF_NO_PI)
		err = unix.IoctlIfreq(fd, unix.TUNSETIFF, request)
	}
	if err != nil {
		unix.Close(fd)
		return nil, fmt.Errorf("tap %s: %w", name, err)
	}
	return os.NewFile(uintptr(fd), name), nil // only now: before, it could not be polled
}

// Ethernet frames: the type's place, and that of the addresses behind it.
const (
	etherType = 12
	etherHead = 14
)

// delays has everything wait but what finds neighbours, and sentinels.
func delays(d time.Duration, spared []netip.Addr) wire.Delays {
	return func(frame []byte) time.Duration {
		from, to, ok := addresses(frame)
		if !ok || slices.Contains(spared, from) || slices.Contains(spared, to) {
			return 0
		}
		return d
	}
}

// addresses are those of the IP packet in a frame.
func addresses(frame []byte) (from, to netip.Addr, ok bool) {
	if len(frame) < etherHead {
		return from, to, false
	}
	packet := frame[etherHead:]
	offset, size := 12, 4
	switch kind := uint16(frame[etherType])<<8 | uint16(frame[etherType+1]); {
	case kind == unix.ETH_P_IPV6 && len(packet) >= 40 && packet[6] != unix.IPPROTO_ICMPV6:
		offset, size = 8, 16
	case kind != unix.ETH_P_IP || len(packet) < 20:
		return from, to, false
	}
	from, _ = netip.AddrFromSlice(packet[offset : offset+size])
	to, _ = netip.AddrFromSlice(packet[offset+size : offset+2*size])
	return from, to, true
}

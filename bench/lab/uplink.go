package lab

import (
	"context"
	"errors"
	"net/netip"

	"github.com/vishvananda/netlink"

	"github.com/bulkhead-mesh/bulkhead/bench/wire"
	"github.com/bulkhead-mesh/bulkhead/redirect/netns"
)

// uplinks are the links of the nodes to the fabric, as far as something is wrong with
// them. Sentinels are spared: they tell whether the machine is well, not the network.
//
//	worker's namespace                      node's namespace
//	br0 ── node-1 ══════════ veth ══════════ eth0
//	         └ what comes here is dropped     └ and what comes here
//
// Packets are dropped where they come in, at both ends, and a sender's large ones are
// cut to the size of the wire before: within one machine TCP hands over 64 KiB at a
// time, which no wire would lose, or find too large, as a whole. Neighbours are still
// found (ARP, ND): the next hop of a fabric is a router that answers although what is
// behind it does not, and an answer "no route" from one's own node would not be silent.
type uplinks struct {
	sieves map[string]wire.Impairment // by node: what is dropped
	late   map[string]*lateLink       // by node: what is delayed
}

// Impair has something be wrong with a node's uplink, in place of what was before.
func (l *Lab) Impair(_ context.Context, node string, i wire.Impairment) error {
	if l.fabric == nil || l.fabric.nodes[node] == nil {
		return at("impair", node, errors.New("there is no such node"))
	}
	l.linking.Lock()
	defer l.linking.Unlock()
	return at("impair", node, errors.Join(l.sieve(node, i), l.delay(node, i)))
}

// Heal has every uplink be as it was built.
func (l *Lab) Heal(context.Context) error {
	l.linking.Lock()
	defer l.linking.Unlock()
	var errs []error
	for node := range l.uplinks.sieves {
		errs = append(errs, at("heal", node, l.sieve(node, wire.Impairment{})))
	}
	for node := range l.uplinks.late {
		errs = append(errs, at("heal", node, l.delay(node, wire.Impairment{})))
	}
	return errors.Join(errs...)
}

// end is one end of an uplink.
type end struct {
	ns   *netns.Namespace
	name string
}

func (l *Lab) ends(node string) []end {
	return []end{{netns.Own(), node}, {l.fabric.nodes[node], "eth0"}}
}

// sieve drops what i drops, at both ends. The caller holds linking.
func (l *Lab) sieve(node string, i wire.Impairment) error {
	if !i.Drops() {
		if _, stands := l.uplinks.sieves[node]; !stands {
			return nil
		}
	}
	if l.uplinks.sieves == nil {
		l.uplinks.sieves = make(map[string]wire.Impairment)
	}
	l.uplinks.sieves[node] = i // before it is there: a half of it must be healed, too
	var errs []error
	for _, e := range l.ends(node) {
		errs = append(errs, e.segment(i.Drops()), sift(e, i, l.spared()))
	}
	err := errors.Join(errs...)
	if err == nil && !i.Drops() {
		delete(l.uplinks.sieves, node)
	}
	return err
}

// spared are the sentinels' addresses.
func (l *Lab) spared() (all []netip.Addr) {
	for _, s := range l.topology.Sentinels {
		all = append(all, s.Addresses()...)
	}
	return all
}

// manySegments is what links have that nobody limited (GSO_MAX_SEGS of the kernel).
const manySegments = 65535

// segment has what this end sends be packets of the wire's size, or lets them be large.
func (e end) segment(on bool) error {
	segments := manySegments
	if on {
		segments = 1
	}
	return within(e.ns, func(h *netlink.Handle) error {
		link, err := h.LinkByName(e.name)
		if err != nil {
			return err
		}
		return h.LinkSetGSOMaxSegs(link, segments)
	})
}

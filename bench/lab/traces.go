package lab

import (
	"errors"
	"fmt"
	"slices"

	"github.com/google/nftables"
	"github.com/vishvananda/netlink"
	"golang.org/x/sys/unix"

	"github.com/bulkhead-mesh/bulkhead/redirect/netns"
)

// traces is everything in a namespace that captures, as comparable lines: nft
// tables, policy rules, and routes of all tables. Links and addresses are in it too,
// so that it also proves that the machine's own namespace was not touched.
type traces []string

func readTraces(ns *netns.Namespace) (traces, error) {
	var t traces
	conn := &nftables.Conn{} // of the own namespace
	if !ns.IsOwn() {
		conn.NetNS = int(ns.File().Fd())
	}
	tables, err := conn.ListTables()
	if err != nil {
		return nil, fmt.Errorf("list of nft tables: %w", err)
	}
	for _, table := range tables {
		t = append(t, fmt.Sprintf("nft table %s, family %d", table.Name, table.Family))
	}
	err = within(ns, func(h *netlink.Handle) error { return t.readNetlink(h) })
	slices.Sort(t)
	return t, err
}

func (t *traces) readNetlink(h *netlink.Handle) error {
	rules, errRules := h.RuleList(netlink.FAMILY_ALL)
	for _, r := range rules {
		*t = append(*t, fmt.Sprintf("rule family %d: %s", r.Family, r))
	}
	everyTable := &netlink.Route{Table: unix.RT_TABLE_UNSPEC}
	routes, errRoutes := h.RouteListFiltered(netlink.FAMILY_ALL, everyTable, netlink.RT_FILTER_TABLE)
	for _, r := range routes {
		if r.Protocol == unix.RTPROT_KERNEL || r.Table == unix.RT_TABLE_LOCAL {
			continue // follows from an address, and for IPv6 some time after it
		}
		*t = append(*t, fmt.Sprintf("route %s", r))
	}
	links, errLinks := h.LinkList()
	for _, l := range links {
		*t = append(*t, fmt.Sprintf("link %d %s %s up=%t", l.Attrs().Index, l.Attrs().Name, l.Type(), l.Attrs().Flags&unix.IFF_UP != 0))
	}
	addrs, errAddrs := h.AddrList(nil, netlink.FAMILY_ALL)
	for _, a := range addrs {
		if a.IP.IsLinkLocalUnicast() {
			continue // the kernel's own, and some time after the link is up
		}
		*t = append(*t, fmt.Sprintf("address %s on %d", a.IPNet, a.LinkIndex))
	}
	return errors.Join(errRules, errRoutes, errLinks, errAddrs)
}

// TracesError is what a data plane left behind, or took away, in a pod.
type TracesError struct {
	Left    []string
	Missing []string
}

func (e *TracesError) Error() string {
	return fmt.Sprintf("not as before: left behind %q, missing %q", e.Left, e.Missing)
}

// compare says how now differs from before.
func (before traces) compare(now traces) error {
	e := &TracesError{Left: without(now, before), Missing: without(before, now)}
	if len(e.Left)+len(e.Missing) == 0 {
		return nil
	}
	return e
}

func without(all, these traces) []string {
	return slices.DeleteFunc(slices.Clone(all), func(s string) bool { return slices.Contains(these, s) })
}

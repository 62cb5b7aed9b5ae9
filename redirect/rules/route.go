package rules

import (
	"errors"
	"fmt"
	"net"
	"os"
	"strings"

	"github.com/vishvananda/netlink"
	"golang.org/x/sys/unix"

	"github.com/bulkhead-mesh/bulkhead/redirect"
)

// Where replies go: istio-cni's numbers.
const (
	replyTable    = 100
	replyPriority = 32764
)

// An ipFamily is what differs between IPv4 and IPv6 in routing.
type ipFamily struct {
	name    string
	command string // of iproute2
	number  int
	all     net.IPNet
}

var (
	ipv4 = ipFamily{"IPv4", "ip -4", unix.AF_INET, net.IPNet{IP: net.IPv4zero.To4(), Mask: net.CIDRMask(0, 32)}}
	ipv6 = ipFamily{"IPv6", "ip -6", unix.AF_INET6, net.IPNet{IP: net.IPv6zero, Mask: net.CIDRMask(0, 128)}}
)

// families returns those that the namespace can route. Kubernetes switches IPv6
// off in the pods of an IPv4 cluster: the kernel then refuses IPv6 routes, and
// nothing is there to be routed.
func (k *kernel) families() ([]ipFamily, error) {
	off := []byte("1")
	err := k.ns.Do(func() (err error) {
		off, err = os.ReadFile("/proc/sys/net/ipv6/conf/lo/disable_ipv6")
		return err
	})
	if errors.Is(err, os.ErrNotExist) || err == nil && strings.TrimSpace(string(off)) == "1" {
		return []ipFamily{ipv4}, nil
	}
	return []ipFamily{ipv4, ipv6}, k.fail(StepList, "whether IPv6 is on", err)
}

func (f ipFamily) rule() *netlink.Rule {
	mask := uint32(redirect.MarkMask)
	r := netlink.NewRule()
	r.Family, r.Priority, r.Table = f.number, replyPriority, replyTable
	r.Mark, r.Mask = redirect.MarkReply, &mask
	return r
}

// route makes every address local, so that replies to the client's address
// reach the proxy's transparent socket.
func (f ipFamily) route(lo int) *netlink.Route {
	return &netlink.Route{
		Family: f.number, Dst: &f.all, LinkIndex: lo, Table: replyTable,
		Type: unix.RTN_LOCAL, Scope: unix.RT_SCOPE_HOST,
	}
}

var wantedRule = fmt.Sprintf("fwmark %#x/%#x pref %d lookup %d", redirect.MarkReply, redirect.MarkMask, replyPriority, replyTable)

func (f ipFamily) wantedRoute() string { return fmt.Sprintf("local %s dev lo", f.all.String()) }

func (k *kernel) addRoutes() error {
	families, err := k.families()
	if err != nil {
		return err
	}
	for _, f := range families {
		if err := k.addRoute(f); err != nil {
			return k.fail(StepRoute, f.name, err)
		}
	}
	return nil
}

// addRoute adds the route first: a rule that looks up an empty table is passed
// over, and replies would leave by the wire.
func (k *kernel) addRoute(f ipFamily) error {
	lo, err := k.ip.LinkByName("lo")
	if err != nil {
		return fmt.Errorf("find lo: %w", err)
	}
	if err := k.ip.RouteReplace(f.route(lo.Attrs().Index)); err != nil {
		return fmt.Errorf("add route %s table %d: %w", f.wantedRoute(), replyTable, err)
	}
	// The kernel refuses an equal rule, so this can be repeated.
	if err := k.ip.RuleAdd(f.rule()); err != nil && !errors.Is(err, unix.EEXIST) {
		return fmt.Errorf("add rule %s: %w", wantedRule, err)
	}
	return nil
}

// deleteRoutes deletes what addRoutes added, in the opposite order, and what is
// not there not.
func (k *kernel) deleteRoutes() error {
	families, err := k.families()
	if err != nil {
		return err
	}
	for _, f := range families {
		if err := k.deleteRoute(f); err != nil {
			return k.fail(StepUnroute, f.name, err)
		}
	}
	return nil
}

func (k *kernel) deleteRoute(f ipFamily) error {
	if err := k.ip.RuleDel(f.rule()); err != nil && !errors.Is(err, unix.ENOENT) {
		return fmt.Errorf("delete rule %s: %w", wantedRule, err)
	}
	lo, err := k.ip.LinkByName("lo")
	if err != nil {
		return fmt.Errorf("find lo: %w", err)
	}
	err = k.ip.RouteDel(f.route(lo.Attrs().Index))
	if err != nil && !errors.Is(err, unix.ESRCH) && !errors.Is(err, unix.ENOENT) {
		return fmt.Errorf("delete route %s table %d: %w", f.wantedRoute(), replyTable, err)
	}
	return nil
}

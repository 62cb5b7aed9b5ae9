package lab

import (
	"errors"
	"fmt"
	"net/netip"
	"os"
	"time"

	"github.com/vishvananda/netlink"

	"github.com/bulkhead-mesh/bulkhead/redirect/netns"
)

// fabric is the lab's network. Its namespaces live as long as their descriptors
// here; the bridge is in the worker's own namespace.
//
//	worker's namespace        node's namespace              pod's namespace
//	br0 ── node-N ══ veth ══ eth0    pod<host part> ══ veth ══ eth0
//	172.30.0.254             172.30.0.N   10.244.N.1           10.244.N.x/32, default via 10.244.N.1
//
// A pod has no neighbours: everything, also to pods of the same node, passes the
// node's end of its link, so that a sniffer in the node's namespace sees it all.
type fabric struct {
	nodes map[string]*netns.Namespace
	pods  map[string]*netns.Namespace // sentinels too
}

const bridgeName = "br0"

var (
	bridge4 = netip.AddrFrom4([4]byte{172, 30, 0, 254})
	bridge6 = ip6("fd00:172:30::", 254)
)

// hasIPv6 reports whether the kernel has IPv6.
func hasIPv6() bool {
	_, err := os.Stat("/proc/sys/net/ipv6")
	return err == nil
}

// buildFabric makes the network of t. On error what was made is closed.
func buildFabric(t Topology) (*fabric, error) {
	f := &fabric{nodes: make(map[string]*netns.Namespace), pods: make(map[string]*netns.Namespace)}
	if err := f.build(t); err != nil {
		return nil, errors.Join(err, f.close())
	}
	return f, nil
}

func (f *fabric) build(t Topology) error {
	if err := f.bridge(); err != nil {
		return at("fabric", bridgeName, err)
	}
	for _, n := range t.Nodes {
		if err := f.node(t, n); err != nil {
			return at("fabric", n.Name, err)
		}
	}
	for _, p := range t.All() {
		if err := f.pod(t, p); err != nil {
			return at("fabric", p.Name(), err)
		}
	}
	if err := f.routes(t); err != nil {
		return at("fabric", "routes", err)
	}
	return f.settle(t)
}

// settle waits until every IPv6 address works: the kernel adds its local route some
// time after the address, also without duplicate address detection.
func (f *fabric) settle(t Topology) error {
	deadline := time.Now().Add(settleTimeout)
	if hasIPv6() {
		if err := await6(netns.Own(), bridge6, deadline); err != nil {
			return at("fabric", bridgeName, err)
		}
	}
	for _, n := range t.Nodes {
		if err := await6(f.nodes[n.Name], n.IPv6, deadline); err != nil {
			return at("fabric", n.Name, err)
		}
	}
	for _, p := range t.All() {
		if err := await6(f.pods[p.Name()], p.IPv6, deadline); err != nil {
			return at("fabric", p.Name(), err)
		}
	}
	return nil
}

// close lets the namespaces go; the kernel takes their links with them, but later. The
// bridge and its ports are in the worker's own namespace, which goes on.
func (f *fabric) close() error {
	err := within(netns.Own(), func(h *netlink.Handle) error {
		var errs []error
		for name := range f.nodes {
			errs = append(errs, remove(h, name))
		}
		return errors.Join(append(errs, remove(h, bridgeName))...)
	})
	for _, all := range []map[string]*netns.Namespace{f.nodes, f.pods} {
		for _, n := range all {
			err = errors.Join(err, n.Close())
		}
	}
	return at("fabric", "", err)
}

func (f *fabric) bridge() error {
	if err := tune(netns.Own(), endpointSettings()); err != nil {
		return err
	}
	return within(netns.Own(), func(h *netlink.Handle) error {
		if err := up(h, "lo"); err != nil { // nobody else has in this namespace
			return err
		}
		attrs := netlink.NewLinkAttrs()
		attrs.Name = bridgeName
		if err := h.LinkAdd(&netlink.Bridge{LinkAttrs: attrs}); err != nil {
			return err
		}
		addrs := []netip.Addr{bridge4}
		if hasIPv6() {
			addrs = append(addrs, bridge6)
		}
		return address(h, bridgeName, fabricBits4, fabricBits6, addrs...)
	})
}

func (f *fabric) node(t Topology, n Node) error {
	ns, err := netns.New()
	if err != nil {
		return err
	}
	f.nodes[n.Name] = ns
	if err := tune(ns, routerSettings()); err != nil {
		return err
	}
	err = within(netns.Own(), func(h *netlink.Handle) error {
		if err := veth(h, n.Name, "eth0", ns); err != nil {
			return err
		}
		bridge, err := h.LinkByName(bridgeName)
		if err != nil {
			return err
		}
		port, err := h.LinkByName(n.Name)
		if err != nil {
			return err
		}
		if err := h.LinkSetMaster(port, bridge); err != nil {
			return err
		}
		return h.LinkSetUp(port)
	})
	if err != nil {
		return err
	}
	return within(ns, func(h *netlink.Handle) error {
		return address(h, "eth0", fabricBits4, fabricBits6, valid(n.IPv4, n.IPv6)...)
	})
}

// pod makes a pod's namespace and its link to the node.
func (f *fabric) pod(t Topology, p Pod) error {
	ns, err := netns.New()
	if err != nil {
		return err
	}
	f.pods[p.Name()] = ns
	if err := tune(ns, endpointSettings()); err != nil {
		return err
	}
	node := t.node(p.Node)
	host := p.IPv4.As4()[3]
	link := fmt.Sprintf("pod%d", host)
	gateways := node.gateways()
	err = within(f.nodes[p.Node], func(h *netlink.Handle) error {
		if err := veth(h, link, "eth0", ns); err != nil {
			return err
		}
		if err := address(h, link, 32, 128, gateways...); err != nil {
			return err
		}
		return hostRoutes(h, link, p.Addresses()...)
	})
	if err != nil {
		return err
	}
	return within(ns, func(h *netlink.Handle) error {
		if err := address(h, "eth0", 32, 128, p.Addresses()...); err != nil {
			return err
		}
		if err := hostRoutes(h, "eth0", gateways...); err != nil {
			return err
		}
		return defaultRoutes(h, "eth0", gateways...)
	})
}

// routes tells every node, and the fabric, where the pods of the others are.
func (f *fabric) routes(t Topology) error {
	for _, to := range t.Nodes {
		add := func(h *netlink.Handle) error { return podRoutes(h, to) }
		if err := within(netns.Own(), add); err != nil {
			return err
		}
		for _, from := range t.Nodes {
			if from.Name == to.Name {
				continue
			}
			if err := within(f.nodes[from.Name], add); err != nil {
				return err
			}
		}
	}
	return nil
}

func podRoutes(h *netlink.Handle, to Node) error {
	if err := route(h, nil, to.pods4(), to.IPv4); err != nil {
		return err
	}
	if !to.IPv6.IsValid() {
		return nil
	}
	return route(h, nil, to.pods6(), to.IPv6)
}

func (t Topology) node(name string) Node {
	for _, n := range t.Nodes {
		if n.Name == name {
			return n
		}
	}
	return Node{}
}

func (n Node) gateways() []netip.Addr {
	if !n.IPv6.IsValid() {
		return []netip.Addr{n.gateway4()}
	}
	return []netip.Addr{n.gateway4(), n.gateway6()}
}

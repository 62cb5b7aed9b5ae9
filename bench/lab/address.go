package lab

import (
	"fmt"
	"net/netip"
)

// The address plan. N is the node's number.
//
//	fabric bridge  172.30.0.254   fd00:172:30::fe
//	node           172.30.0.N     fd00:172:30::N
//	pods           10.244.N.0/24  fd00:244:N::/64   .1 is the node's end of every pod's link
//	services       10.96.0.0/16   fd00:96::/112     resolved by the data plane only
const (
	fabricBits4 = 24
	fabricBits6 = 64
	maxNodes    = 200
	firstPod    = 2  // host part; 1 is the gateway
	firstVIP    = 10 // host part
)

func newNode(n int) Node {
	return Node{
		Name:   fmt.Sprintf("node-%d", n),
		Number: n,
		IPv4:   netip.AddrFrom4([4]byte{172, 30, 0, byte(n)}),
		IPv6:   ip6("fd00:172:30::", n),
	}
}

// newPod is the nth pod of a node; the first is 1.
func newPod(namespace, app string, node, n int) Pod {
	host := n - 1 + firstPod
	return Pod{
		Namespace: namespace,
		App:       app,
		Node:      fmt.Sprintf("node-%d", node),
		IPv4:      netip.AddrFrom4([4]byte{10, 244, byte(node), byte(host)}),
		IPv6:      ip6(podNet6(node), host),
	}
}

func newService(namespace, app string, i int) Service {
	host := i + firstVIP
	return Service{
		Name:      app,
		Namespace: namespace,
		IPv4:      netip.AddrFrom4([4]byte{10, 96, 0, byte(host)}),
		IPv6:      ip6("fd00:96::", host),
		Pod:       namespace + "/" + app,
	}
}

// Gateways are the node's addresses on the links of its pods.
func (n Node) gateway4() netip.Addr { return netip.AddrFrom4([4]byte{10, 244, byte(n.Number), 1}) }
func (n Node) gateway6() netip.Addr { return ip6(podNet6(n.Number), 1) }

// pods4 and pods6 are the prefixes that other nodes route to this one.
func (n Node) pods4() netip.Prefix {
	return netip.PrefixFrom(netip.AddrFrom4([4]byte{10, 244, byte(n.Number), 0}), 24)
}
func (n Node) pods6() netip.Prefix { return netip.PrefixFrom(ip6(podNet6(n.Number), 0), 64) }

func podNet6(node int) string { return fmt.Sprintf("fd00:244:%x::", node) }

// ip6 puts a host part below 256 into a prefix.
func ip6(prefix string, host int) netip.Addr {
	a := netip.MustParseAddr(prefix).As16()
	a[15] = byte(host)
	return netip.AddrFrom16(a)
}

package lab

import (
	"cmp"
	"errors"
	"fmt"
	"net/netip"
	"slices"
)

// Ports of the applications, and of the services in front of them.
const (
	LoadPort    = 9000 // load.Serve's frames
	PagePort    = 8080 // the page for people
	ServicePort = 80   // of a service, for PagePort
)

// Topology is what the lab builds. Default makes the usual one; it is a pure
// function, so that outside and inside of a lab agree without asking.
//
//	fabric (bridge, 172.30.0.254)
//	   │            │            │
//	 node-1       node-2       node-3          172.30.0.N, fd00:172:30::N
//	   ├ a/checkout ├ a/catalog  ├ a/web       pods 10.244.N.x, fd00:244:N::x
//	   ├ b/web      ├ b/checkout ├ a/db
//	   ├ b/db       ├ c/web      ├ b/catalog
//	   ├ c/catalog  ├ c/db       ├ c/checkout
//	   └ sentinel/a └ sentinel/b
//
// Inside each tenant web asks checkout and catalog, and both ask db. Two edges
// cross tenants, and both stay on one node. Two more cross tenants and are denied.
type Topology struct {
	TrustDomain string
	Nodes       []Node
	Pods        []Pod
	Sentinels   []Pod // uncaptured, outside the mesh
	Services    []Service
	Edges       []Edge
	Denied      []Edge // what a policy forbids; somebody tries all the same
	// Strict are pods that let nobody in without an identity of the trust domain. What
	// policy forbids to an identity it does not forbid to a connection that has none.
	Strict []string
}

// Node is one machine of the lab.
type Node struct {
	Name   string
	Number int // N of its addresses
	IPv4   netip.Addr
	IPv6   netip.Addr // zero where the kernel has no IPv6
}

// Pod is one workload with its application.
type Pod struct {
	Namespace string
	App       string
	Account   string // its service account; empty: named as the app is
	Node      string
	IPv4      netip.Addr
	IPv6      netip.Addr // zero where the kernel has no IPv6
}

// Name is namespace/app: the workload's UID in the mesh.
func (p Pod) Name() string { return p.Namespace + "/" + p.App }

// ServiceAccount is the account whose identity the pod has.
func (p Pod) ServiceAccount() string { return cmp.Or(p.Account, p.App) }

// Addresses are those that the pod has.
func (p Pod) Addresses() []netip.Addr { return valid(p.IPv4, p.IPv6) }

// Address is the pod's address in the wanted family, or the one it has.
func (p Pod) Address(ipv6 bool) netip.Addr {
	if ipv6 && p.IPv6.IsValid() {
		return p.IPv6
	}
	return p.IPv4
}

// Service is the name in front of one pod.
type Service struct {
	Name      string
	Namespace string
	IPv4      netip.Addr
	IPv6      netip.Addr
	Pod       string // Name of its only endpoint
}

// Hostname is the name under which pods find the service: "checkout.tenant-a".
func (s Service) Hostname() string { return s.Name + "." + s.Namespace }

// Edge says that one pod asks another.
type Edge struct {
	Name string // what it is for; set for edges that cross tenants
	From string // pod names
	To   string
	IPv6 bool
}

// tenants and apps of the default topology.
var (
	tenants = []string{"tenant-a", "tenant-b", "tenant-c"}
	apps    = []string{"web", "checkout", "catalog", "db"}
	asks    = [][2]string{{"web", "checkout"}, {"web", "catalog"}, {"checkout", "db"}, {"catalog", "db"}}
	across  = []Edge{
		{Name: "stock of a partner", From: "tenant-c/catalog", To: "tenant-b/db"},
		{Name: "marketplace", From: "tenant-b/checkout", To: "tenant-a/catalog"},
	}
	denied = []Edge{
		{Name: "forbidden", From: "tenant-b/web", To: "tenant-a/checkout"},
		{Name: "forbidden", From: "tenant-c/web", To: "tenant-b/db"},
	}
)

const defaultNodes = 3

// Default is 3 nodes, 12 pods in 3 tenants such that each node has pods of each,
// two sentinels, and 14 edges of which every third uses IPv6.
func Default() Topology {
	t := Topology{TrustDomain: "cluster.local"}
	for n := 1; n <= defaultNodes; n++ {
		t.Nodes = append(t.Nodes, newNode(n))
	}
	used := make(map[int]int) // pods per node
	add := func(namespace, app string, node int) Pod {
		used[node]++
		return newPod(namespace, app, node, used[node])
	}
	for i, tenant := range tenants {
		for j, app := range apps {
			t.Pods = append(t.Pods, add(tenant, app, (i+j+2)%defaultNodes+1))
			t.Services = append(t.Services, newService(tenant, app, i*len(apps)+j))
		}
	}
	t.Sentinels = []Pod{add("sentinel", "a", 1), add("sentinel", "b", 2)}
	for _, tenant := range tenants {
		for _, e := range asks {
			t.Edges = append(t.Edges, Edge{From: tenant + "/" + e[0], To: tenant + "/" + e[1]})
		}
	}
	t.Edges = append(t.Edges, across...)
	t.Denied = slices.Clone(denied)
	for i := range t.Edges {
		t.Edges[i].IPv6 = i%3 == 2
	}
	return t
}

// WithoutIPv6 is t for a kernel that has no IPv6.
func (t Topology) WithoutIPv6() Topology {
	t.Nodes, t.Pods, t.Sentinels = slices.Clone(t.Nodes), slices.Clone(t.Pods), slices.Clone(t.Sentinels)
	t.Services, t.Edges, t.Denied = slices.Clone(t.Services), slices.Clone(t.Edges), slices.Clone(t.Denied)
	for i := range t.Nodes {
		t.Nodes[i].IPv6 = netip.Addr{}
	}
	for _, pods := range [][]Pod{t.Pods, t.Sentinels} {
		for i := range pods {
			pods[i].IPv6 = netip.Addr{}
		}
	}
	for i := range t.Services {
		t.Services[i].IPv6 = netip.Addr{}
	}
	for i := range t.Edges {
		t.Edges[i].IPv6 = false
	}
	for i := range t.Denied {
		t.Denied[i].IPv6 = false
	}
	return t
}

// All is pods and sentinels.
func (t Topology) All() []Pod { return slices.Concat(t.Pods, t.Sentinels) }

// Pod finds a pod or a sentinel by name.
func (t Topology) Pod(name string) (Pod, bool) {
	all := t.All()
	i := slices.IndexFunc(all, func(p Pod) bool { return p.Name() == name })
	if i < 0 {
		return Pod{}, false
	}
	return all[i], true
}

// Target is where a flow of this edge connects: the load server of its pod. Flows
// use pod addresses and no VIPs, since without a data plane nobody would resolve
// those.
func (t Topology) Target(e Edge) netip.AddrPort {
	p, _ := t.Pod(e.To)
	return netip.AddrPortFrom(p.Address(e.IPv6), LoadPort)
}

// Source is the address that the far end of this edge must see.
func (t Topology) Source(e Edge) netip.Addr {
	p, _ := t.Pod(e.From)
	return p.Address(e.IPv6)
}

// Validate says everything that is wrong with the topology.
func (t Topology) Validate() error {
	var errs []error
	bad := func(format string, args ...any) { errs = append(errs, fmt.Errorf(format, args...)) }
	names, addrs := make(map[string]bool), make(map[netip.Addr]string)
	claim := func(who string, as ...netip.Addr) {
		for _, a := range as {
			if other, taken := addrs[a]; taken {
				bad("%s: address %s belongs to %s", who, a, other)
			}
			addrs[a] = who
		}
	}
	for _, n := range t.Nodes {
		if names[n.Name] {
			bad("node %s: named twice", n.Name)
		}
		if n.Number < 1 || n.Number > maxNodes {
			bad("node %s: number %d is outside 1..%d", n.Name, n.Number, maxNodes)
		}
		names[n.Name] = true
		claim(n.Name, valid(n.IPv4, n.IPv6)...)
	}
	for _, p := range t.All() {
		if names[p.Name()] {
			bad("pod %s: named twice", p.Name())
		}
		if !slices.ContainsFunc(t.Nodes, func(n Node) bool { return n.Name == p.Node }) {
			bad("pod %s: node %q does not exist", p.Name(), p.Node)
		}
		if !p.IPv4.IsValid() {
			bad("pod %s: no IPv4 address", p.Name())
		}
		names[p.Name()] = true
		claim(p.Name(), p.Addresses()...)
	}
	for _, s := range t.Services {
		if !names[s.Pod] {
			bad("service %s: pod %q does not exist", s.Hostname(), s.Pod)
		}
		claim("service "+s.Hostname(), valid(s.IPv4, s.IPv6)...)
	}
	for _, e := range slices.Concat(t.Edges, t.Denied) {
		errs = append(errs, t.validateEdge(e))
	}
	return errors.Join(errs...)
}

func (t Topology) validateEdge(e Edge) error {
	from, okFrom := t.Pod(e.From)
	to, okTo := t.Pod(e.To)
	switch {
	case !okFrom || !okTo:
		return fmt.Errorf("edge %s -> %s: no such pod", e.From, e.To)
	case e.From == e.To:
		return fmt.Errorf("edge %s -> %s: a pod that asks itself is not captured", e.From, e.To)
	case from.Namespace != to.Namespace && e.Name == "":
		return fmt.Errorf("edge %s -> %s: crosses tenants and has no name", e.From, e.To)
	}
	return nil
}

func valid(as ...netip.Addr) []netip.Addr {
	return slices.DeleteFunc(as, func(a netip.Addr) bool { return !a.IsValid() })
}

// Here is t as a lab of this machine has it: without IPv6 where the kernel has none.
func (t Topology) Here() Topology {
	if hasIPv6() {
		return t
	}
	return t.WithoutIPv6()
}

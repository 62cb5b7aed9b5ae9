package lab

import (
	"net/netip"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/bulkhead-mesh/bulkhead/proxy/mesh"
)

func TestDefaultTopology(t *testing.T) {
	d := Default()
	if err := d.Validate(); err != nil {
		t.Fatal(err)
	}
	if len(d.Nodes) != 3 || len(d.Pods) != 12 || len(d.Sentinels) != 2 || len(d.Edges) != 14 {
		t.Errorf("%d nodes, %d pods, %d sentinels, %d edges", len(d.Nodes), len(d.Pods), len(d.Sentinels), len(d.Edges))
	}
	for _, n := range d.Nodes {
		for _, tenant := range tenants {
			if !slices.ContainsFunc(d.Pods, func(p Pod) bool { return p.Node == n.Name && p.Namespace == tenant }) {
				t.Errorf("%s has no pod of %s", n.Name, tenant)
			}
		}
	}
	if p, _ := d.Pod("tenant-a/checkout"); p.Node != "node-1" {
		t.Errorf("tenant-a/checkout is on %s: documents and drills say node-1", p.Node)
	}
	if diff := cmp.Diff(Default(), Default(), cmp.Comparer(func(a, b netip.Addr) bool { return a == b })); diff != "" {
		t.Errorf("not deterministic:\n%s", diff)
	}
}

// TestEdges: a drill needs both families, an edge inside a node, edges that a crash
// on node-1 spares, and tenants that mostly keep to themselves.
func TestEdges(t *testing.T) {
	d := Default()
	count := make(map[string]int)
	for _, e := range d.Edges {
		from, _ := d.Pod(e.From)
		to, _ := d.Pod(e.To)
		if from.Namespace != to.Namespace {
			count["across"]++
		}
		if from.Node == to.Node {
			count["one node"]++
		}
		if from.Node != "node-1" && to.Node != "node-1" {
			count["spared"]++
		}
		if e.IPv6 {
			count["ipv6"]++
		}
		if d.Target(e).Addr().Is6() != e.IPv6 || d.Source(e).Is6() != e.IPv6 {
			t.Errorf("edge %s -> %s: target %s, source %s", e.From, e.To, d.Target(e), d.Source(e))
		}
	}
	want := map[string]int{"across": 2, "one node": 2, "spared": 5, "ipv6": 4}
	if diff := cmp.Diff(want, count); diff != "" {
		t.Errorf("edges (-want +got):\n%s", diff)
	}
}

func TestAddressPlan(t *testing.T) {
	d := Default()
	checkout, _ := d.Pod("tenant-a/checkout")
	sentinel, _ := d.Pod("sentinel/b")
	for _, c := range []struct{ what, got, want string }{
		{"node", d.Nodes[1].IPv4.String(), "172.30.0.2"},
		{"node, IPv6", d.Nodes[1].IPv6.String(), "fd00:172:30::2"},
		{"pod", checkout.IPv4.String(), "10.244.1.2"},
		{"pod, IPv6", checkout.IPv6.String(), "fd00:244:1::2"},
		{"sentinel", sentinel.IPv4.String(), "10.244.2.6"},
		{"gateway", d.Nodes[2].gateway4().String(), "10.244.3.1"},
		{"gateway, IPv6", d.Nodes[2].gateway6().String(), "fd00:244:3::1"},
		{"pods of a node", d.Nodes[2].pods4().String(), "10.244.3.0/24"},
		{"pods of a node, IPv6", d.Nodes[2].pods6().String(), "fd00:244:3::/64"},
		{"service", d.Services[1].IPv4.String(), "10.96.0.11"},
		{"service, IPv6", d.Services[1].IPv6.String(), "fd00:96::b"},
		{"a node's number is hexadecimal in IPv6", newNode(20).pods6().String(), "fd00:244:14::/64"},
	} {
		if c.got != c.want {
			t.Errorf("%s: %s, want %s", c.what, c.got, c.want)
		}
	}
	for _, p := range d.All() {
		n := d.node(p.Node)
		if !n.pods4().Contains(p.IPv4) || !n.pods6().Contains(p.IPv6) {
			t.Errorf("%s is not in the prefixes of its node", p.Name())
		}
	}
}

func TestValidateFindsMistakes(t *testing.T) {
	for _, c := range []struct {
		name  string
		spoil func(*Topology)
		want  string
	}{
		{"pod twice", func(d *Topology) { d.Pods = append(d.Pods, d.Pods[0]) }, "pod tenant-a/web: named twice"},
		{"address twice", func(d *Topology) { d.Pods[0].IPv4 = d.Pods[1].IPv4 }, "address 10.244.1.2 belongs to tenant-a/web"},
		{"node missing", func(d *Topology) { d.Pods[0].Node = "node-9" }, `node "node-9" does not exist`},
		{"node twice", func(d *Topology) { d.Nodes[1] = d.Nodes[0] }, "node node-1: named twice"},
		{"node's number", func(d *Topology) { d.Nodes[0].Number = 0 }, "number 0 is outside"},
		{"no address", func(d *Topology) { d.Sentinels[0].IPv4 = netip.Addr{} }, "sentinel/a: no IPv4 address"},
		{"service of nobody", func(d *Topology) { d.Services[0].Pod = "x/y" }, `service web.tenant-a: pod "x/y" does not exist`},
		{"edge to nobody", func(d *Topology) { d.Edges[0].To = "x/y" }, "edge tenant-a/web -> x/y: no such pod"},
		{"edge to itself", func(d *Topology) { d.Edges[0].To = d.Edges[0].From }, "asks itself"},
		{"nameless crossing", func(d *Topology) { d.Edges[13].Name = "" }, "crosses tenants and has no name"},
	} {
		t.Run(c.name, func(t *testing.T) {
			d := Default()
			c.spoil(&d)
			if err := d.Validate(); err == nil || !strings.Contains(err.Error(), c.want) {
				t.Errorf("%v, want %q in it", err, c.want)
			}
		})
	}
}

func TestWithoutIPv6(t *testing.T) {
	full := Default()
	d := full.WithoutIPv6()
	if err := d.Validate(); err != nil {
		t.Fatal(err)
	}
	for _, p := range d.All() {
		if len(p.Addresses()) != 1 || p.Address(true) != p.IPv4 {
			t.Errorf("%s: %v", p.Name(), p.Addresses())
		}
	}
	if strings.Contains(hosts(d, true), "fd00") || strings.Contains(hosts(d, false), "fd00") {
		t.Error("IPv6 addresses in the hosts file")
	}
	if !full.Pods[0].IPv6.IsValid() || !full.Edges[2].IPv6 {
		t.Error("WithoutIPv6 changed its receiver")
	}
}

func TestMeshIsAccepted(t *testing.T) {
	for _, d := range []Topology{Default(), Default().WithoutIPv6()} {
		f := meshOf(d)
		if _, err := mesh.New(f, 1); err != nil {
			t.Fatal(err)
		}
		if len(f.Workloads) != 12 || len(f.Services) != 12 {
			t.Errorf("%d workloads, %d services", len(f.Workloads), len(f.Services))
		}
		for _, w := range f.Workloads {
			if strings.HasPrefix(w.UID, "sentinel") {
				t.Errorf("%s is in the mesh", w.UID)
			}
		}
	}
}

func TestHosts(t *testing.T) {
	for _, c := range []struct {
		virtual bool
		want    []string
	}{
		{true, []string{"10.96.0.11 checkout.tenant-a checkout.tenant-a.svc.cluster.local", "fd00:96::b checkout.tenant-a "}},
		{false, []string{"10.244.1.2 checkout.tenant-a ", "fd00:244:1::2 checkout.tenant-a ", "10.244.1.6 a.sentinel"}},
	} {
		got := hosts(Default(), c.virtual)
		for _, line := range c.want {
			if !strings.Contains(got, "\n"+line) {
				t.Errorf("virtual %t: no line %q in\n%s", c.virtual, line, got)
			}
		}
	}
}

package mesh

import (
	"net/netip"
	"slices"
	"testing"
)

// An address of something that could not be used is refused, never passed through, until it
// can be used or is gone.
func TestRejectedAddresses(t *testing.T) {
	vip, other, in := netip.MustParseAddr("10.96.0.1"), netip.MustParseAddr("10.96.0.2"), netip.MustParseAddr("10.97.1.1")
	var s *Snapshot
	step := func(change func(*Change)) {
		var c Change
		change(&c)
		s, _ = s.With(c, 1)
	}
	at := func(a netip.Addr) (Kind, Refusal) {
		x := s.Resolve("a/web", netip.AddrPortFrom(a, 80))
		return x.Kind, x.Refusal
	}
	want := func(when string, a netip.Addr, kind Kind, refusal Refusal) {
		t.Helper()
		if k, r := at(a); k != kind || r != refusal {
			t.Errorf("%s: %s is %v %q, want %v %q", when, a, k, r, kind, refusal)
		}
	}
	must := func(err error) {
		if err != nil {
			t.Fatal(err)
		}
	}
	service := Service{Name: "db", Namespace: "a", Host: "db", Addresses: []netip.Addr{vip}, Ports: []Port{{Port: 81}}}
	reject := func(c *Change) {
		c.RejectAddresses("a/db", "", []netip.Addr{vip, other}, []netip.Prefix{netip.MustParsePrefix("10.97.0.0/16")})
	}
	step(func(c *Change) {
		must(c.SetWorkload(Workload{UID: "a/web", Name: "web", Namespace: "a"}))
		reject(c)
	})
	for _, a := range []netip.Addr{vip, other, in} {
		want("rejected", a, Mesh, NotUsable)
	}
	want("rejected", netip.MustParseAddr("10.98.0.1"), NotMesh, "")
	step(func(c *Change) { must(c.SetService(service)) })
	want("mended", vip, Mesh, NoPort)
	want("mended", other, NotMesh, "")
	step(reject)
	want("rejected anew", vip, Mesh, NoPort) // its earlier form stays
	want("rejected anew", other, Mesh, NotUsable)
	step(func(c *Change) { c.RemoveService("a/db") })
	for _, a := range []netip.Addr{vip, other, in} {
		want("gone", a, NotMesh, "")
	}
}

// A policy that could not be used is unknown to all that it may apply to, unless an earlier
// form is held.
func TestRejectedPolicies(t *testing.T) {
	var s *Snapshot
	step := func(change func(*Change)) {
		var c Change
		change(&c)
		s, _ = s.With(c, 1)
	}
	want := func(when, namespace string, unknown ...string) {
		t.Helper()
		if got := s.Policies(Workload{UID: "w", Namespace: namespace}).Unknown; !slices.Equal(got, unknown) {
			t.Errorf("%s: unknown in %s: %q, want %q", when, namespace, got, unknown)
		}
	}
	p := forPort(Deny, 80)
	step(func(c *Change) { c.RejectPolicy(p.Key(), "n", ScopeNamespace) })
	want("new", "n", p.Key())
	want("new", "m")
	set := s.Policies(Workload{Namespace: "n"}).After(nil)
	if d := set.Decide(Connection{}); d.Reason != ReasonUnknown {
		t.Errorf("without anything known before: %+v", d)
	}
	step(func(c *Change) { c.RejectPolicy("root/all", "root", ScopeGlobal) })
	want("another, for all", "n", p.Key(), "root/all")
	want("another, for all", "m", "root/all")
	step(func(c *Change) {
		if err := c.SetPolicy(p); err != nil {
			t.Fatal(err)
		}
		c.RemovePolicy("root/all")
	})
	want("mended, and gone", "n")
	step(func(c *Change) { c.RejectPolicy(p.Key(), "n", ScopeNamespace) })
	want("with an earlier form", "n")
	if got := s.Policies(Workload{Namespace: "n"}).Policies; len(got) != 1 {
		t.Errorf("the earlier form is %+v", got)
	}
	step(func(c *Change) { c.RemovePolicy(p.Key()) })
	want("gone with it", "n")
}

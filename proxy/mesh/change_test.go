package mesh

import (
	"fmt"
	"math/rand/v2"
	"net/netip"
	"reflect"
	"slices"
	"testing"
)

// small is a mesh in which everything is near everything else: few names, so that
// changes meet.
type small struct {
	*rand.Rand
	workloads map[string]Workload
	services  map[string]Service
	policies  map[string]Policy
	rejected  map[string]netip.Addr // by name of a workload or service
	unread    map[string]Scope      // by key of a policy
}

func newSmall(seed uint64) *small {
	return &small{rand.New(rand.NewPCG(seed, 0)), map[string]Workload{}, map[string]Service{}, map[string]Policy{}, map[string]netip.Addr{}, map[string]Scope{}}
}

func (m *small) namespace() string { return string(rune('a' + m.IntN(2))) }
func (m *small) addr() netip.Addr  { return netip.AddrFrom4([4]byte{10, 0, 0, byte(m.IntN(6))}) }
func (m *small) some(n int, name func(int) string) (out []string) {
	for i := range n {
		if m.IntN(2) == 0 {
			out = append(out, name(i))
		}
	}
	return out
}
func serviceName(i int) string { return fmt.Sprintf("a/s%d", i) }

func (m *small) workload() Workload {
	w := Workload{UID: fmt.Sprint("w", m.IntN(5)), Name: "w", Namespace: m.namespace(), Node: "n", Unhealthy: m.IntN(2) == 0,
		Policies: m.some(3, func(i int) string { return fmt.Sprintf("a/p%d", i) })}
	for range m.IntN(3) {
		if a := m.addr(); !slices.Contains(w.Addresses, a) {
			w.Addresses = append(w.Addresses, a)
		}
	}
	for _, s := range m.some(3, serviceName) {
		if w.Services == nil {
			w.Services = map[string][]Port{}
		}
		w.Services[s] = nil
	}
	return w
}

func (m *small) service() Service {
	v := Service{Name: "s", Host: fmt.Sprint("s", m.IntN(3)), Namespace: "a", Canonical: m.IntN(2) == 0}
	if m.IntN(2) == 0 {
		v.Addresses = append(v.Addresses, m.addr())
	}
	if m.IntN(3) == 0 {
		v.Prefixes = append(v.Prefixes, netip.PrefixFrom(m.addr(), 29+m.IntN(4)))
	}
	return v
}

func (m *small) policy() Policy {
	return Policy{Name: fmt.Sprint("p", m.IntN(3)), Namespace: "a", Action: Deny, DryRun: m.IntN(2) == 0,
		Scope: []Scope{ScopeGlobal, ScopeNamespace, ScopeWorkload}[m.IntN(3)]}
}

// change makes one, and applies it to the model.
func (m *small) change(t *testing.T) (c Change) {
	t.Helper()
	var errs []error
	for range 1 + m.IntN(3) {
		switch w, v, p := m.workload(), m.service(), m.policy(); m.IntN(8) {
		case 0:
			c.RemoveWorkload(w.UID)
			delete(m.workloads, w.UID)
			delete(m.rejected, w.UID)
		case 1:
			c.RemoveService(v.Key())
			delete(m.services, v.Key())
			delete(m.rejected, v.Key())
		case 2:
			c.RemovePolicy(p.Key())
			delete(m.policies, p.Key())
			delete(m.unread, p.Key())
		case 3:
			errs = append(errs, c.SetWorkload(w))
			m.workloads[w.UID] = w
			delete(m.rejected, w.UID)
		case 4:
			errs = append(errs, c.SetService(v))
			m.services[v.Key()] = v
			delete(m.rejected, v.Key())
		case 5:
			errs = append(errs, c.SetPolicy(p))
			m.policies[p.Key()] = p
			delete(m.unread, p.Key())
		case 6:
			name := []string{w.UID, v.Key()}[m.IntN(2)]
			m.rejected[name] = m.addr()
			c.RejectAddresses(name, "", []netip.Addr{m.rejected[name]}, nil)
		case 7:
			c.RejectPolicy(p.Key(), p.Namespace, p.Scope)
			if _, held := m.policies[p.Key()]; !held && p.Scope != ScopeWorkload {
				m.unread[p.Key()] = p.Scope
			}
		}
	}
	for _, err := range errs {
		if err != nil {
			t.Fatal(err)
		}
	}
	return c
}

// whole builds the model's mesh at once.
func (m *small) whole(t *testing.T) *Snapshot {
	t.Helper()
	var c Change
	for _, w := range m.workloads {
		if err := c.SetWorkload(w); err != nil {
			t.Fatal(err)
		}
	}
	for _, v := range m.services {
		if err := c.SetService(v); err != nil {
			t.Fatal(err)
		}
	}
	for _, p := range m.policies {
		if err := c.SetPolicy(p); err != nil {
			t.Fatal(err)
		}
	}
	for name, a := range m.rejected {
		c.RejectAddresses(name, "", []netip.Addr{a}, nil)
	}
	for key, scope := range m.unread {
		c.RejectPolicy(key, "a", scope)
	}
	s, _ := (*Snapshot)(nil).With(c, 1)
	return s
}

// about is all that a snapshot says of an address.
type about struct {
	Workloads       []*Workload
	Services, Over  []*Service
	Endpoints       [][]*Workload
	OverTheirOthers [][]*Workload
}

func (s *Snapshot) about(a netip.Addr) (x about) {
	x.Workloads, x.Services, x.Over = s.workloadsAt(a), s.servicesAt(a), s.servicesOver(a)
	for _, v := range x.Services {
		x.Endpoints = append(x.Endpoints, s.endpointsOf(v.Key()))
	}
	for _, v := range x.Over {
		x.OverTheirOthers = append(x.OverTheirOthers, s.endpointsOf(v.Key()))
	}
	return x
}

// view is all that a snapshot says to a workload about itself.
type view struct {
	Services []Service
	Policies PolicySet
}

// Conformance 76: a batch of changes is applied as a whole, and the index is the one that a fresh start would have.
// Conformance 72: endpoints of a service that is not known yet wait for it, and go when they go.
// Conformance 75: it does not matter whether a service or its endpoints come first.
func TestChangesAddUp(t *testing.T) {
	for seed := range uint64(60) {
		m := newSmall(seed)
		var s *Snapshot
		for step := range 30 {
			before := s
			next, effect := s.With(m.change(t), uint64(step+1))
			s = next
			checkSame(t, s, m.whole(t))
			checkEffect(t, before, s, effect)
			if t.Failed() {
				t.Fatalf("seed %d, step %d", seed, step)
			}
		}
	}
}

func checkSame(t *testing.T, s, want *Snapshot) {
	t.Helper()
	for i := range 6 {
		a := netip.AddrFrom4([4]byte{10, 0, 0, byte(i)})
		if got, want := s.about(a), want.about(a); !reflect.DeepEqual(got, want) {
			t.Errorf("%s: got %+v, want %+v", a, got, want)
		}
	}
	for w := range want.EveryWorkload() {
		got, ok := s.Workload(w.UID)
		if !ok || !reflect.DeepEqual(got, *w) || !reflect.DeepEqual(view{s.Services(w.UID), s.Policies(*w)}, view{want.Services(w.UID), want.Policies(*w)}) {
			t.Errorf("workload %s: got %+v, want %+v", w.UID, got, *w)
		}
	}
	for i := range 3 {
		if got, want := s.endpointsOf(serviceName(i)), want.endpointsOf(serviceName(i)); !reflect.DeepEqual(got, want) {
			t.Errorf("endpoints of %s: got %d, want %d", serviceName(i), len(got), len(want))
		}
	}
	if s.workloads.size != want.workloads.size || s.services.size != want.services.size || s.policies.size != want.policies.size || s.byAddress.size != want.byAddress.size || s.endpoints.size != want.endpoints.size || s.byPrefix.size != want.byPrefix.size || s.lengths != want.lengths || s.rejected.size != want.rejected.size || s.unread.size != want.unread.size {
		t.Error("a table has not the size that it would have if built at once")
	}
}

// checkEffect: whose answer or view is another was told so.
func checkEffect(t *testing.T, before, after *Snapshot, e Effect) {
	t.Helper()
	if before == nil {
		return
	}
	for i := range 6 {
		a := netip.AddrFrom4([4]byte{10, 0, 0, byte(i)})
		if !reflect.DeepEqual(before.about(a), after.about(a)) && !e.Touches(a) {
			t.Errorf("%s has another answer, and the effect does not say so", a)
		}
	}
	for w := range after.EveryWorkload() {
		old, ok := before.Workload(w.UID)
		now := view{after.Services(w.UID), after.Policies(*w)}
		if (!ok || !reflect.DeepEqual(old, *w) || !reflect.DeepEqual(view{before.Services(w.UID), before.Policies(old)}, now)) && !e.Concerns(*w) {
			t.Errorf("workload %s has another view, and the effect does not say so", w.UID)
		}
	}
}

// What is not different is no effect: a file that is written again tells no cell anything.
func TestSameAgainHasNoEffect(t *testing.T) {
	f := File{TrustDomain: "td", Workloads: []Workload{{UID: "a/w", Name: "w", Namespace: "a", Addresses: []netip.Addr{netip.MustParseAddr("10.0.0.1")}}},
		Services: []Service{{Name: "s", Namespace: "a", Endpoints: []string{"a/w"}}}, Policies: []Policy{{Name: "p", Namespace: "a", Scope: ScopeWorkload, Action: Deny, Workloads: []string{"a/w"}}}}
	s, err := New(f, 1)
	if err != nil {
		t.Fatal(err)
	}
	if _, e, err := s.Replace(f, 2); err != nil || !e.None() {
		t.Errorf("effect %+v, %v", e, err)
	}
	f.Policies[0].DryRun = true
	after, e, err := s.Replace(f, 2)
	w, _ := s.Workload("a/w")
	if err != nil || e.None() || !e.Concerns(w) || e.Touches(w.Addresses[0]) {
		t.Errorf("a policy changed: effect %+v, %v", e, err)
	}
	if got := after.Policies(w).Policies; len(got) != 1 || !got[0].DryRun || s.Policies(w).Policies[0].DryRun {
		t.Errorf("policies %+v, before %+v", got, s.Policies(w))
	}
	if _, e, _ := s.Replace(File{TrustDomain: "td"}, 3); !e.Concerns(w) || !e.Touches(w.Addresses[0]) {
		t.Error("a workload that is gone is no effect")
	}
}

// Conformance 73: the longest range wins, in either family, and a range that is gone is not found.
func TestLongestRangeFirst(t *testing.T) {
	var c Change
	for host, prefix := range map[string]string{"wide": "10.0.0.0/8", "narrow": "10.1.0.0/16", "six": "fd00::/8", "one": "10.1.2.3/32"} {
		if err := c.SetService(Service{Name: host, Host: host, Namespace: "a", Prefixes: []netip.Prefix{netip.MustParsePrefix(prefix)}}); err != nil {
			t.Fatal(err)
		}
	}
	s, _ := (*Snapshot)(nil).With(c, 1)
	names := func(a string) (out []string) {
		for _, v := range s.servicesOver(netip.MustParseAddr(a)) {
			out = append(out, v.Host)
		}
		return out
	}
	for a, want := range map[string][]string{"10.1.2.3": {"one", "narrow", "wide"}, "10.1.2.4": {"narrow", "wide"}, "10.9.9.9": {"wide"}, "fd12::1": {"six"}, "192.0.2.1": nil} {
		if got := names(a); !slices.Equal(got, want) {
			t.Errorf("%s: %v, want %v", a, got, want)
		}
	}
	var gone Change
	gone.RemoveService("a/narrow")
	s, _ = s.With(gone, 2)
	if got := names("10.1.2.4"); !slices.Equal(got, []string{"wide"}) {
		t.Errorf("after narrow is gone: %v", got)
	}
	if err := new(Change).SetService(Service{Name: "x", Namespace: "a", Prefixes: []netip.Prefix{{}}}); err == nil {
		t.Error("a service with an empty range was taken")
	}
}

func TestTableSharesAndDoesNotChange(t *testing.T) {
	var tab table[int, int]
	e := tab.edit()
	for i := range 5000 {
		e.set(i, i)
	}
	tab = e.table
	f := tab.edit()
	f.set(7, 70)
	f.remove(8)
	f.remove(5001)
	next := f.table
	if v := tab.at(7); v != 7 || tab.size != 5000 {
		t.Errorf("the old table changed: %d, %d entries", v, tab.size)
	}
	if _, ok := next.get(8); ok || next.at(7) != 70 || next.size != 4999 {
		t.Errorf("the new one has %d entries", next.size)
	}
	shared := 0
	for i := range tab.shards {
		if reflect.ValueOf(tab.shards[i]).Pointer() == reflect.ValueOf(next.shards[i]).Pointer() {
			shared++
		}
	}
	if shared < tableShards-2 {
		t.Errorf("only %d shards are shared", shared)
	}
	if got := slices.Sorted(next.values()); len(got) != 4999 || !slices.Contains(got, 70) {
		t.Errorf("%d values", len(got))
	}
}

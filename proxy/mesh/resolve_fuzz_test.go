package mesh

import (
	"fmt"
	"maps"
	"math/rand/v2"
	"net/netip"
	"slices"
	"strings"
	"testing"
)

// tiny is a random mesh in which everything happens to be shared: few addresses, names,
// networks and localities.
type tiny struct {
	*rand.Rand
	workloads []Workload
	services  []Service
}

func pickOf[T any](r *tiny, all ...T) T { return all[r.IntN(len(all))] }

func (r *tiny) addr() netip.Addr {
	return netip.MustParseAddr(pickOf(r, "10.0.0.1", "10.0.0.2", "10.0.1.1", "10.0.1.2", "fd00::1", "fd00::2", "fd00::1:1"))
}

func newTiny(seed uint64) *tiny {
	r := &tiny{Rand: rand.New(rand.NewPCG(seed, seed))}
	for i := range 1 + r.IntN(5) {
		v := Service{
			Name: fmt.Sprint("s", i), Namespace: pickOf(r, "a", "b"), Network: pickOf(r, "", "", "net"),
			Addresses: []netip.Addr{r.addr()}, Families: pickOf(r, FamiliesAuto, FamilyV4, FamilyV6, FamiliesDual),
			Visibility: pickOf(r, VisiblePublic, VisibleNamespace), Canonical: r.IntN(2) == 0,
			Ports:   []Port{{Port: 80, Target: 8080}, {Port: 81}},
			Balance: LoadBalancing{Mode: pickOf(r, BalanceAny, BalanceStrict, BalanceFailover, BalancePassthrough), Prefer: []LocalityScope{ScopeRegion, ScopeNode}, AllHealth: r.IntN(2) == 0},
		}
		if r.IntN(3) == 0 {
			v.Addresses, v.Prefixes = nil, []netip.Prefix{netip.PrefixFrom(r.addr(), pickOf(r, 8, 24, 31))}
		}
		if r.IntN(6) == 0 {
			v.Waypoint = &Waypoint{Address: r.addr(), Port: 15008}
		}
		r.services = append(r.services, v)
	}
	for i := range 2 + r.IntN(6) {
		w := Workload{
			UID: pickOf(r, "c//Pod/", "x/") + fmt.Sprint("w", i), Name: fmt.Sprint("w", i), Namespace: pickOf(r, "a", "b"), Network: pickOf(r, "", "", "net"),
			Node: pickOf(r, "n1", "n2"), Addresses: []netip.Addr{r.addr()}, Protocol: pickOf(r, TCP, HBONE), Locality: Locality{Region: pickOf(r, "r1", "r2")},
			HostNetwork: r.IntN(5) == 0, Unhealthy: r.IntN(4) == 0, Capacity: pickOf(r, nil, new(uint32)), Services: map[string][]Port{},
		}
		for _, v := range r.services {
			if r.IntN(2) == 0 {
				w.Services[v.Key()] = pickOf(r, nil, []Port{{Port: 81, Target: 9000 + uint16(i)}})
			}
		}
		r.workloads = append(r.workloads, w)
	}
	return r
}

// model is Resolve as the decision's sentences have it, one look at everything for each.
func (r *tiny) model(from *Workload, dst netip.AddrPort) string {
	var workloads []*Workload
	for i := range r.workloads {
		if w := &r.workloads[i]; w.Network == from.Network && !w.HostNetwork && slices.Contains(w.Addresses, dst.Addr()) {
			workloads = append(workloads, w)
		}
	}
	for _, wanted := range []struct {
		pod bool
		p   Protocol
	}{{true, HBONE}, {true, TCP}, {false, HBONE}, {false, TCP}} {
		for _, w := range workloads { // by UID: that is their order
			if w.pod() == wanted.pod && w.Protocol == wanted.p {
				return "workload " + w.UID
			}
		}
	}
	var services []string // what sorts first is meant
	for i := range r.services {
		v := &r.services[i]
		if v.Network != from.Network || v.Visibility == VisibleNamespace && v.Namespace != from.Namespace {
			continue
		}
		order := func(how string, bits int) {
			services = append(services, fmt.Sprintf("%s %-5t %d %-5t|service %s", how, v.Namespace != from.Namespace, 1000-bits, !v.Canonical, v.Key()))
		}
		if slices.Contains(v.Addresses, dst.Addr()) {
			order("address", 0)
		}
		for _, p := range v.Prefixes {
			if p.Contains(dst.Addr()) {
				order("range", p.Bits())
			}
		}
	}
	if len(services) == 0 {
		return "not-mesh"
	}
	_, meant, _ := strings.Cut(slices.Min(services), "|")
	return meant
}

// FuzzResolve compares Resolve with the model, and looks at what the answer holds.
func FuzzResolve(f *testing.F) {
	for seed := range uint64(200) {
		f.Add(seed)
	}
	f.Fuzz(func(t *testing.T, seed uint64) {
		r := newTiny(seed)
		var c Change
		for _, w := range r.workloads {
			if err := c.SetWorkload(w); err != nil {
				t.Fatal(err)
			}
		}
		for _, v := range r.services {
			if err := c.SetService(v); err != nil {
				t.Fatal(err)
			}
		}
		s, _ := (*Snapshot)(nil).With(c, 1)
		slices.SortFunc(r.workloads, func(a, b Workload) int { return first(a.UID < b.UID, b.UID < a.UID) })
		for i := range r.workloads {
			dst := netip.AddrPortFrom(r.addr(), pickOf(r, uint16(80), 81, 82))
			r.compare(t, s, &r.workloads[i], dst)
		}
	})
}

func (r *tiny) compare(t *testing.T, s *Snapshot, from *Workload, dst netip.AddrPort) {
	t.Helper()
	a := s.Resolve(from.UID, dst)
	want := r.model(from, dst)
	q := question{s: s, from: from, addr: dst.Addr(), port: dst.Port()}
	got := "not-mesh"
	v := q.service()
	if w := q.workload(); w != nil {
		got, v = "workload "+w.UID, nil
	} else if v != nil {
		got = "service " + v.Key()
	}
	if got != want || (a.Kind == NotMesh) != (want == "not-mesh") {
		t.Fatalf("%s to %s: %s (%+v), the model says %s\nworkloads %+v\nservices %+v", from.UID, dst, got, a, want, r.workloads, r.services)
	}
	if v == nil || v.Balance.Mode == BalancePassthrough {
		return
	}
	// Everybody who serves is in it, and nobody else.
	serves := map[string]bool{}
	for i := range r.workloads {
		w := &r.workloads[i]
		ports, is := w.Services[v.Key()]
		port := map[uint16]uint16{80: 8080}[dst.Port()]
		if dst.Port() == 81 && len(ports) > 0 {
			port = ports[0].Target
		}
		near := v.Balance.Mode != BalanceStrict || w.Locality.Region == from.Locality.Region && w.Node == from.Node
		family := v.Families == FamilyV4 && w.Addresses[0].Is4() || v.Families == FamilyV6 && w.Addresses[0].Is6() || v.Families == FamiliesAuto || v.Families == FamiliesDual
		if is && port != 0 && near && w.Network == from.Network && (!w.Unhealthy || v.Balance.AllHealth) && w.Capacity == nil && (family || w.Addresses[0] == dst.Addr()) && v.Waypoint == nil {
			serves[fmt.Sprint(w.UID, netip.AddrPortFrom(w.Addresses[0], port))] = true
		}
	}
	for _, e := range a.Endpoints {
		if k := fmt.Sprint(e.Workload, e.Address); !serves[k] {
			if v.Waypoint != nil && slices.Contains(from.Addresses, v.Waypoint.Address) {
				return // it is the waypoint
			}
			t.Fatalf("%s to %s: %s is in the answer and does not serve %+v", from.UID, dst, k, v)
		} else {
			delete(serves, k)
		}
	}
	if len(serves) > 0 {
		t.Fatalf("%s to %s: %v are not in the answer of %+v", from.UID, dst, slices.Collect(maps.Keys(serves)), v)
	}
}

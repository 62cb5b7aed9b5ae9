package mesh

import (
	"fmt"
	"math"
	"math/rand/v2"
	"net/netip"
	"testing"
)

// endpoints makes some with the given weights and ranks.
func endpoints(weightRank ...[2]int) Answer {
	a := Answer{Kind: Mesh}
	for i, x := range weightRank {
		a.Endpoints = append(a.Endpoints, Endpoint{Workload: fmt.Sprint(i), Weight: uint32(x[0]), Rank: x[1]})
	}
	return a
}

func none(int) bool { return false }

// Every endpoint gets its share of connections, within what chance allows: five
// standard deviations, which a right choice exceeds once in a million runs.
// Conformance 105: of 100,000 choices each endpoint gets its share, and one of a worse rank none.
func TestChooseByWeight(t *testing.T) {
	a := endpoints([2]int{1, 0}, [2]int{3, 0}, [2]int{0, 0}, [2]int{6, 0}, [2]int{100, 1})
	r := rand.New(rand.NewPCG(1, 2))
	const draws = 100_000
	var got [5]int
	for range draws {
		got[a.Choose(none, r.Uint64N)]++
	}
	for i, share := range []float64{0.1, 0.3, 0, 0.6, 0} {
		if off := math.Abs(float64(got[i]) - share*draws); off > 5*math.Sqrt(draws*share*(1-share)) {
			t.Errorf("endpoint %d was chosen %d times of %d, want a share of %v", i, got[i], draws, share)
		}
	}
}

// The next rank is used when nothing of the first is left, and only then.
func TestChooseByRank(t *testing.T) {
	a := endpoints([2]int{1, 0}, [2]int{1, 0}, [2]int{5, 1}, [2]int{1, 2})
	skipped := map[int]bool{}
	skip := func(i int) bool { return skipped[i] }
	last := func(n uint64) uint64 { return n - 1 }
	for _, want := range []int{1, 0, 2, 3, -1} {
		got := a.Choose(skip, last)
		if got != want {
			t.Fatalf("with %v skipped: %d, want %d", skipped, got, want)
		}
		skipped[got] = true
	}
}

func TestChooseOfNothing(t *testing.T) {
	for name, a := range map[string]Answer{"no endpoint": {}, "no weight": endpoints([2]int{0, 0})} {
		if i := a.Choose(none, rand.Uint64N); i != -1 {
			t.Errorf("%s: %d", name, i)
		}
	}
}

// A service with more endpoints than an answer holds: each asker has its own part, all
// parts together have every endpoint about as often, and by weight.
func TestAnAnswerHoldsAShareOfManyEndpoints(t *testing.T) {
	all := make([]Endpoint, 1000)
	for i := range all {
		all[i] = Endpoint{Workload: fmt.Sprintf("n/w-%d", i), Weight: 1 + uint32(i%2)*2}
	}
	seen := [2]int{}
	const askers = 500
	for i := range askers {
		part := share(fmt.Sprintf("n/client-%d", i), append([]Endpoint(nil), all...))
		if len(part) != maxEndpoints {
			t.Fatalf("%d endpoints", len(part))
		}
		for _, e := range part {
			seen[(e.Weight-1)/2]++
		}
	}
	if ratio := float64(seen[1]) / float64(seen[0]); ratio < 2.6 || ratio > 3.2 {
		t.Errorf("endpoints of weight 3 are in %.2f times as many parts as those of weight 1", ratio)
	}
}

// What is near comes first, also when there is too much.
func TestTheNearestAreInTheShare(t *testing.T) {
	var all []Endpoint
	for i := range 3 * maxEndpoints {
		all = append(all, Endpoint{Workload: fmt.Sprint(i), Weight: 1, Rank: i % 3 * 2}) // 0, 2, 4: the higher the nearer
	}
	for _, e := range ranked("n/client", all) {
		if e.Rank != 0 {
			t.Fatalf("rank %d although there are %d of rank 0", e.Rank, maxEndpoints)
		}
	}
}

// Conformance 68: strict, failover and network-first locality, and endpoints without an address.
func TestLocality(t *testing.T) {
	at := func(region, zone, subzone, node, cluster, network string) *Workload {
		return &Workload{Locality: Locality{region, zone, subzone}, Node: node, Cluster: cluster, Network: network}
	}
	from := at("r1", "z1", "s1", "n1", "c1", "net1")
	byZone := []LocalityScope{ScopeRegion, ScopeZone}
	networkFirst := []LocalityScope{ScopeNetwork, ScopeRegion, ScopeZone}
	for _, c := range []struct {
		name   string
		mode   BalanceMode
		prefer []LocalityScope
		to     *Workload
		rank   int
		ok     bool
	}{
		{"no mode: everybody alike", BalanceAny, byZone, at("r2", "z2", "", "", "", ""), 0, true},
		{"failover: all shared", BalanceFailover, byZone, at("r1", "z1", "", "", "", ""), 2, true},
		{"failover: the first shared", BalanceFailover, byZone, at("r1", "z2", "", "", "", ""), 1, true},
		{"failover: what follows a mismatch counts for nothing", BalanceFailover, byZone, at("r2", "z1", "", "", "", ""), 0, true},
		{"strict: all shared", BalanceStrict, byZone, at("r1", "z1", "", "", "", ""), 2, true},
		{"strict: one is not", BalanceStrict, byZone, at("r1", "z2", "", "", "", ""), 0, false},
		{"strict without preference", BalanceStrict, nil, at("r2", "z2", "", "", "", ""), 0, true},
		{"by subzone, node and cluster", BalanceFailover, []LocalityScope{ScopeSubzone, ScopeNode, ScopeCluster}, at("", "", "s1", "n1", "c2", ""), 2, true},
		{"network first: shared is worth all the rest", BalanceFailover, networkFirst, at("r2", "z2", "", "", "", "net1"), 3, true},
		{"network first: another does not end the count", BalanceFailover, networkFirst, at("r1", "z1", "", "", "", "net2"), 2, true},
		{"network first, strict", BalanceStrict, networkFirst, at("r1", "z1", "", "", "", "net2"), 0, false},
		{"network later is like the others", BalanceFailover, []LocalityScope{ScopeRegion, ScopeNetwork, ScopeZone}, at("r1", "z1", "", "", "", "net2"), 1, true},
	} {
		t.Run(c.name, func(t *testing.T) {
			rank, ok := LoadBalancing{Mode: c.mode, Prefer: c.prefer}.near(from, c.to)
			if rank != c.rank || ok != c.ok {
				t.Errorf("rank %d, %v; want %d, %v", rank, ok, c.rank, c.ok)
			}
		})
	}
}

// Choose never gives what it was told to skip, whatever the answer.
func FuzzChoose(f *testing.F) {
	f.Add([]byte{1, 0, 2, 0, 3, 1}, uint64(5), uint64(1))
	f.Fuzz(func(t *testing.T, b []byte, skipped, drawn uint64) {
		a := Answer{}
		for i := 0; i+1 < len(b) && i < 128; i += 2 {
			a.Endpoints = append(a.Endpoints, Endpoint{Weight: uint32(b[i]), Rank: int(b[i+1])})
		}
		skip := func(i int) bool { return skipped>>i&1 == 1 }
		i := a.Choose(skip, func(n uint64) uint64 { return drawn % n })
		if i >= 0 && (skip(i) || a.Endpoints[i].Weight == 0) {
			t.Errorf("chose %d", i)
		}
	})
}

func BenchmarkChoose(b *testing.B) {
	a := Answer{}
	for range maxEndpoints {
		a.Endpoints = append(a.Endpoints, Endpoint{Weight: 1, Address: netip.MustParseAddrPort("10.0.0.1:80")})
	}
	b.ReportAllocs()
	for b.Loop() {
		a.Choose(none, rand.Uint64N)
	}
}

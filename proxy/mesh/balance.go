package mesh

import (
	"cmp"
	"hash/fnv"
	"math"
	"slices"
)

// maxEndpoints is how many endpoints an answer carries. A workload that calls a
// service with more balances over a share of them, another over another: thousands
// in each answer would fill the channel and the cells.
const maxEndpoints = 64

// near is the rank of an endpoint for an asker, the higher the nearer, and whether
// it may be used at all.
//
// It counts what both share in the order of preference, up to the first that they do
// not. A preference that begins with the network is for gateways: another network does
// not end the count, and the same one is worth all the rest (ztunnel, load_balance).
func (b LoadBalancing) near(from, to *Workload) (rank int, ok bool) {
	if b.Mode != BalanceStrict && b.Mode != BalanceFailover {
		return 0, true
	}
	for i, scope := range b.Prefer {
		gateways := i == 0 && scope == ScopeNetwork
		if !scope.shared(from, to) {
			if b.Mode == BalanceStrict {
				return 0, false
			}
			if gateways {
				continue
			}
			break
		}
		if gateways {
			rank += len(b.Prefer) - 1
		}
		rank++
	}
	return rank, true
}

func (l LocalityScope) shared(a, b *Workload) bool {
	switch l {
	case ScopeRegion:
		return a.Locality.Region == b.Locality.Region
	case ScopeZone:
		return a.Locality.Zone == b.Locality.Zone
	case ScopeSubzone:
		return a.Locality.Subzone == b.Locality.Subzone
	case ScopeNode:
		return a.Node == b.Node
	case ScopeCluster:
		return a.Cluster == b.Cluster
	case ScopeNetwork:
		return a.Network == b.Network
	}
	return false
}

// ranked puts the nearest first, numbers the ranks from 0, and leaves out what an
// answer does not hold. Which those are differs from asker to asker and only changes
// for those endpoints that change: rendezvous hashing, by weight.
func ranked(from string, all []Endpoint) []Endpoint {
	slices.SortStableFunc(all, func(a, b Endpoint) int { return cmp.Compare(b.Rank, a.Rank) })
	if len(all) > maxEndpoints {
		all = share(from, all)
	}
	rank, near := 0, all[0].Rank
	for i := range all {
		if all[i].Rank != near {
			rank, near = rank+1, all[i].Rank
		}
		all[i].Rank = rank
	}
	return all
}

// share is the asker's part of too many endpoints.
func share(from string, all []Endpoint) []Endpoint {
	type scored struct {
		Endpoint
		score float64
	}
	s := make([]scored, len(all))
	for i, e := range all {
		s[i] = scored{e, float64(e.Weight) / -math.Log(chance(from, e.Workload))}
	}
	slices.SortFunc(s, func(a, b scored) int {
		return cmp.Or(cmp.Compare(b.Rank, a.Rank), cmp.Compare(b.score, a.score))
	})
	part := make([]Endpoint, maxEndpoints)
	for i := range part {
		part[i] = s[i].Endpoint
	}
	return part
}

// chance is a number in (0,1) that belongs to a pair.
func chance(a, b string) float64 {
	h := fnv.New64a()
	h.Write([]byte(a))
	h.Write([]byte{0})
	h.Write([]byte(b))
	x := h.Sum64()
	// FNV leaves the last bytes in the low bits: mix (the finalizer of MurmurHash3).
	x = (x ^ x>>33) * 0xff51afd7ed558ccd
	x = (x ^ x>>33) * 0xc4ceb9fe1a85ec53
	x ^= x >> 33
	return (float64(x>>11) + 0.5) / (1 << 53)
}

// Choose picks the endpoint for one connection: of the best rank that has any which
// skip lets through, each as often as its weight says. draw(n) is a number below n, by
// chance. It returns an index of a.Endpoints, or -1 when all are skipped.
func (a *Answer) Choose(skip func(i int) bool, draw func(n uint64) uint64) int {
	all := a.Endpoints
	for begin := 0; begin < len(all); {
		end, weight := begin, uint64(0)
		for ; end < len(all) && all[end].Rank == all[begin].Rank; end++ {
			if !skip(end) {
				weight += uint64(all[end].Weight)
			}
		}
		if weight > 0 {
			return pick(all, begin, skip, draw(weight))
		}
		begin = end
	}
	return -1
}

// pick walks to the endpoint that a drawn weight falls on.
func pick(all []Endpoint, i int, skip func(int) bool, drawn uint64) int {
	for ; ; i++ {
		if skip(i) {
			continue
		}
		if w := uint64(all[i].Weight); drawn >= w {
			drawn -= w
			continue
		}
		return i
	}
}

package triage

import (
	"fmt"
	"maps"
	"slices"
	"strings"
	"time"

	"github.com/bulkhead-mesh/bulkhead/proxy/vitals"
)

// Links between nodes are seen by the kernels at both ends of every tunnel. A peer's kernel
// acknowledges whatever its processes do: what it does not acknowledge is the network's
// doing, or the machine's, and nobody else's.
const (
	slowLeast  = 45 * time.Millisecond // a kernel may delay an acknowledgement for 40 when its process does not answer
	slowTimes  = 4                     // the least that the same tunnels saw within minutes
	lossShare  = 0.01                  // a busy machine answers late enough for one of 200 to be sent again
	lossLeast  = 3                     // pairs that sent something again: one alone may be a receiver's pause
	brokenPart = 0.5
	lossSpan   = 4 * time.Second
)

// pair is all tunnels from one workload to another, on two nodes.
type pair struct {
	from, to    string
	nodes       [2]string // of from and to
	broken      bool
	unheard     time.Duration
	slow        bool
	rtt, least  time.Duration
	sent, again uint64 // within lossSpan
}

// links looks at what crosses between nodes.
func (d *diagnosis) links() {
	pairs := d.pairs()
	said := map[*pair]bool{}
	for _, class := range []struct {
		class Class
		is    func(*pair) bool
		least int
		part  float64
		why   func([]*pair) string
	}{
		{Unreachable, func(p *pair) bool { return p.broken }, 2, brokenPart, unheard},
		{Slow, func(p *pair) bool { return p.slow }, 2, brokenPart, slowness},
		{Lossy, func(p *pair) bool { return p.again > 0 }, lossLeast, 0, losses},
	} {
		path, bad := common(pairs, class.is, class.least, class.part)
		if len(bad) == 0 || said[bad[0]] {
			continue
		}
		if class.class == Lossy && share(bad) < lossShare {
			continue
		}
		f := Finding{Path: path, Class: class.class, Evidence: []string{class.why(bad)}, Next: "ping and mtr between the nodes' addresses; the mesh has no part in it"}
		for _, p := range bad {
			said[p] = true
			f.Victims = append(f.Victims, p.from, p.to)
		}
		d.add(f)
	}
}

// pairs are the tunnels between nodes as the newest answers say.
func (d *diagnosis) pairs() (all []*pair) {
	for i := range d.now.Sources {
		s := &d.now.Sources[i]
		then, _ := d.since(s.Socket, lossSpan)
		for _, p := range s.Vitals.Pods {
			for _, peer := range p.Peers {
				to, known := d.places[peer.Address]
				if !known || to.node == p.Node {
					continue
				}
				x := &pair{from: p.UID, to: to.workload, nodes: [2]string{p.Node, to.node}, rtt: peer.RTT, least: peer.MinRTT}
				x.broken, x.unheard = peer.Stuck+peer.Connecting > 0, peer.Unheard
				x.slow = peer.RTT >= slowLeast && peer.RTT >= slowTimes*peer.MinRTT
				if was := peerOf(then, p.UID, peer); was != nil && !d.wasBroken(s.Socket, p.UID, peer) && peer.Sent >= was.Sent && peer.Resent >= was.Resent {
					x.sent, x.again = peer.Sent-was.Sent, peer.Resent-was.Resent
				}
				all = append(all, x)
			}
		}
	}
	return all
}

// wasBroken says whether the tunnels were broken within the window: what is sent again after
// that is the rest of it.
func (d *diagnosis) wasBroken(socket, uid string, peer vitals.Peer) bool {
	for i := range d.window {
		s := d.window[i].source(socket)
		if s == nil {
			continue
		}
		if was := peerOf(s, uid, peer); was != nil && was.Stuck+was.Connecting > 0 {
			return true
		}
	}
	return false
}

func peerOf(s *Source, uid string, peer vitals.Peer) *vitals.Peer {
	if s == nil {
		return nil
	}
	p := s.pod(uid)
	if p == nil {
		return nil
	}
	i := slices.IndexFunc(p.Peers, func(x vitals.Peer) bool { return x.Address == peer.Address })
	if i < 0 {
		return nil
	}
	return &p.Peers[i]
}

// common finds what the bad pairs have in common: the uplink of one node when they lead to
// several others, or the way between two. It is nothing when too few are bad, or when of
// those that pass there too many are well.
func common(pairs []*pair, is func(*pair) bool, least int, part float64) (Path, []*pair) {
	var bad []*pair
	for _, p := range pairs {
		if is(p) {
			bad = append(bad, p)
		}
	}
	if len(bad) < least {
		return Path{}, nil
	}
	passing, failing := map[string]int{}, map[string]int{}
	for _, p := range pairs {
		for _, n := range p.nodes {
			passing[n]++
			if is(p) {
				failing[n]++
			}
		}
	}
	names := slices.SortedFunc(maps.Keys(failing), func(a, b string) int {
		if failing[a] != failing[b] {
			return failing[b] - failing[a]
		}
		return strings.Compare(a, b)
	})
	first := names[0]
	others := map[string]bool{}
	var its []*pair
	for _, p := range bad {
		if p.nodes[0] == first || p.nodes[1] == first {
			its = append(its, p)
			others[p.nodes[0]], others[p.nodes[1]] = true, true
		}
	}
	delete(others, first)
	if len(its) < least || float64(failing[first]) < part*float64(passing[first]) && len(others) != 1 {
		return Path{}, nil
	}
	if len(others) == 1 {
		two := append(slices.Collect(maps.Keys(others)), first)
		slices.Sort(two)
		return Path{KindLink, strings.Join(two, " - ")}, its
	}
	return Path{KindLink, first}, its
}

func unheard(bad []*pair) string {
	var longest time.Duration
	for _, p := range bad {
		longest = max(longest, p.unheard)
	}
	return fmt.Sprintf("tunnels of %d pairs of workloads sent the same segment again and again, or their first one, and no kernel at the other end acknowledges (for %v)", len(bad), longest.Round(100*time.Millisecond))
}

func slowness(bad []*pair) string {
	var rtts, least []time.Duration
	for _, p := range bad {
		rtts, least = append(rtts, p.rtt), append(least, p.least)
	}
	slices.Sort(rtts)
	slices.Sort(least)
	return fmt.Sprintf("round trips of %d pairs of workloads take %v, and %v at their best", len(bad), rtts[len(rtts)/2].Round(time.Millisecond), least[len(least)/2].Round(10*time.Microsecond))
}

func losses(bad []*pair) string {
	var sent, again uint64
	for _, p := range bad {
		sent, again = sent+p.sent, again+p.again
	}
	return fmt.Sprintf("%d of %d segments of %d pairs of workloads were sent again within %v", again, sent, len(bad), lossSpan)
}

// share is how much of what the bad pairs sent was sent again.
func share(bad []*pair) float64 {
	var sent, again uint64
	for _, p := range bad {
		sent, again = sent+p.sent, again+p.again
	}
	if sent == 0 {
		return 0
	}
	return float64(again) / float64(sent)
}

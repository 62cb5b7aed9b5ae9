package triage

import (
	"cmp"
	"fmt"
	"slices"
	"strings"
	"time"
)

// deniedLeast is how many connections must be denied that were not before: people try things.
const deniedLeast = 5

// refusals are the reasons by which policy refuses, and cuts.
var refusals = []string{"denied", "not-allowed", "plaintext", "policy-unknown", "policy-change", "reserved"}

// denials looks for pairs of workloads between which policy begins to refuse. That it refuses
// others, and has all the while, is what it is there for.
func (d *diagnosis) denials(s *Source) {
	before, _ := d.before(s.Socket)
	if before == nil || !before.Vitals.Started.Equal(s.Vitals.Started) {
		return
	}
	type pair struct{ workload, peer string }
	counts := map[pair]float64{}
	for key, v := range s.Metrics {
		if !strings.HasPrefix(key, "bulkhead_connection_failures_total{") || !slices.Contains(refusals, label(key, "reason")) {
			continue
		}
		p := pair{label(key, "workload"), label(key, "peer")}
		if refusedBefore(before, p.workload, p.peer) {
			continue
		}
		counts[p] += v
	}
	for p, n := range counts {
		if n >= deniedLeast {
			d.denied = append(d.denied, denial{p.workload, p.peer, n, d.firstRefused(s.Socket, p.workload, p.peer)})
		}
	}
}

// denial is a pair of workloads between which policy began to refuse.
type denial struct {
	workload, peer string
	times          float64
	since          time.Time
}

// deniedSaid is how many pairs are named one by one.
const deniedSaid = 5

// policies is one finding for all denials: policies are pushed together.
func (d *diagnosis) policies() {
	if len(d.denied) == 0 {
		return
	}
	slices.SortFunc(d.denied, func(a, b denial) int {
		return cmp.Or(strings.Compare(a.workload, b.workload), strings.Compare(a.peer, b.peer))
	})
	f := Finding{Class: Denied, Since: d.now.At}
	var at []string
	for i, x := range d.denied {
		at, f.Victims = append(at, x.workload), append(f.Victims, x.workload)
		f.Victims = append(f.Victims, d.called(x.peer)...)
		if x.since.Before(f.Since) {
			f.Since = x.since
		}
		if i < deniedSaid {
			f.Evidence = append(f.Evidence, fmt.Sprintf("%.0f connections from %s to %s were refused by policy, and none before", x.times, x.peer, x.workload))
		}
	}
	if more := len(d.denied) - deniedSaid; more > 0 {
		f.Evidence = append(f.Evidence, fmt.Sprintf("so were those of %d more pairs", more))
	}
	at = slices.Compact(at)
	f.Path = Path{KindPolicy, "of " + strings.Join(at, ", ")}
	f.Next = "bulkhead config: which policies are in force for " + at[0] + ", and since when"
	d.add(f)
}

// called are the workloads that a peer may be, which a cell knows by its identity.
func (d *diagnosis) called(peer string) (uids []string) {
	for i := range d.now.Sources {
		for _, c := range d.now.Sources[i].Who.Cells {
			for _, w := range c.Workloads {
				if w.Identity == peer {
					uids = append(uids, w.UID)
				}
			}
		}
	}
	if len(uids) == 0 {
		return []string{peer}
	}
	return uids
}

// label is the value of a label in a series as /metrics writes it.
func label(series, name string) string {
	_, after, ok := strings.Cut(series, name+`="`)
	if !ok {
		return ""
	}
	value, _, _ := strings.Cut(after, `"`)
	return value
}

func refusedBefore(s *Source, workload, peer string) bool {
	for key := range s.Metrics {
		if strings.HasPrefix(key, "bulkhead_connection_failures_total{") && label(key, "workload") == workload && label(key, "peer") == peer && slices.Contains(refusals, label(key, "reason")) {
			return true
		}
	}
	return false
}

func (d *diagnosis) firstRefused(socket, workload, peer string) time.Time {
	for i := range d.window {
		if s := d.window[i].source(socket); s != nil && refusedBefore(s, workload, peer) {
			return d.window[i].At
		}
	}
	return d.now.At
}

// enforced looks at what the node's own periodic verification found (verify: {every: 10s}): it tries
// what must succeed and what must not, through every cell.
func (d *diagnosis) enforced(s *Source) {
	const metric = "bulkhead_verify_findings"
	found := func(s *Source) bool { return s.sum(metric) > 0 }
	since := d.lasting(s.Socket, found)
	if since.IsZero() {
		return
	}
	f := Finding{Path: Path{KindNode, s.name()}, Class: Unenforced, Since: since, Next: "bulkhead verify: which workload, and what was found"}
	for key, n := range s.Metrics {
		if strings.HasPrefix(key, metric+"{") && n > 0 {
			f.Evidence = append(f.Evidence, fmt.Sprintf("its last verification found %.0f times that %s is not as it must be", n, label(key, "check")))
		}
	}
	slices.Sort(f.Evidence)
	d.add(f)
}

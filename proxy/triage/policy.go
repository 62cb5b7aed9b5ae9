package triage

import (
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
		if n < deniedLeast {
			continue
		}
		d.add(Finding{
			Path: Path{KindPolicy, p.workload}, Class: Denied, Since: d.firstRefused(s.Socket, p.workload, p.peer), Victims: []string{p.workload, p.peer},
			Evidence: []string{fmt.Sprintf("%.0f connections of %s were refused by policy, and none before", n, p.peer)},
			Next:     "bulkhead config: which policies are in force for " + p.workload + ", and since when",
		})
	}
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

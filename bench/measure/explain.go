package measure

import (
	"fmt"
	"maps"
	"slices"
	"strings"
	"time"

	"github.com/bulkhead-mesh/bulkhead/bench/load"
)

// deviations compares prediction and outcome and explains each difference with
// what the record has about it. Flows that may be hit are neither.
func deviations(run *Run, o *Outcome, seg *Segment, flows []strip, v map[int]bool, late time.Duration) []Deviation {
	found := []Deviation{}
	for j := range flows {
		s := &flows[j]
		id := s.flow.ID
		hit, predicted := slices.Contains(o.Hit, id), slices.Contains(o.Predicted, id)
		if hit == predicted || (hit && slices.Contains(o.May, id)) {
			continue
		}
		said := run.where(s.flow) + ": " + explain(s, seg, v, late)
		if m := machine(flows, s, late); slices.Contains(o.ByLateness, id) && m != "" {
			said += "; " + m
		}
		found = append(found, Deviation{Flow: id, Predicted: predicted, Explanation: said})
	}
	slices.SortFunc(found, func(a, b Deviation) int { return a.Flow - b.Flow })
	return found
}

// where names the nodes of a flow's ends: the first thing to look at.
func (r *Run) where(f *Flow) string {
	return fmt.Sprintf("client on %s, server on %s", r.workload(f.Client).Node, r.workload(f.Server).Node)
}

// explain says what the record has about a flow after the fault.
func explain(s *strip, seg *Segment, v map[int]bool, late time.Duration) string {
	var said []string
	said = append(said, failures(s.observed, seg)...)
	if l := lateness(s.observed, seg, late); l != "" {
		said = append(said, l)
	}
	if n := inVoid(s.observed, seg, v); n > 0 {
		said = append(said, fmt.Sprintf("%d requests in void bins", n))
	}
	switch {
	case len(s.observed) == 0:
		return "no record after the fault"
	case len(said) == 0:
		return "no failure, no broken connection, " + slowest(s.observed, seg, late)
	}
	return strings.Join(said, ", ")
}

// span is the time of several records relative to the fault.
type span struct {
	n           int
	first, last int64
}

func (s span) add(t int64) span {
	if s.n == 0 {
		return span{1, t, t}
	}
	return span{s.n + 1, min(s.first, t), max(s.last, t)}
}

func (s span) String() string {
	if s.first == s.last {
		return fmt.Sprintf("at %+.3f s", seconds(s.first))
	}
	return fmt.Sprintf("from %+.3f s to %+.3f s", seconds(s.first), seconds(s.last))
}

func seconds(ns int64) float64 { return time.Duration(ns).Seconds() }

// failures describes failed requests and broken connections, one phrase per class.
func failures(records []load.Record, seg *Segment) (said []string) {
	classes := map[string]span{}
	for _, r := range records {
		if r.Error == "" {
			continue
		}
		name := r.Error
		if r.Seq == load.Break {
			name = "connection broken (" + r.Error + ")"
		}
		classes[name] = classes[name].add(r.Done - seg.TFault)
	}
	for _, name := range slices.Sorted(maps.Keys(classes)) {
		said = append(said, fmt.Sprintf("%d %s %s", classes[name].n, name, classes[name]))
	}
	return said
}

// lateness describes late answers by their planned times.
func lateness(records []load.Record, seg *Segment, late time.Duration) string {
	var times span
	var largest time.Duration
	for _, r := range records {
		if r.Seq != load.Break && r.Error == "" && latency(r) > late {
			times = times.add(r.Planned - seg.TFault)
			largest = max(largest, latency(r))
		}
	}
	if times.n == 0 {
		return ""
	}
	return fmt.Sprintf("%d late planned %s (largest %v)", times.n, times, largest.Round(time.Millisecond))
}

func inVoid(records []load.Record, seg *Segment, v map[int]bool) (n int) {
	for _, r := range records {
		if v[binOf(r.Planned, seg.TFault)] {
			n++
		}
	}
	return n
}

// slowest describes the largest latency of a flow that nothing happened to; of
// several equal ones the first.
func slowest(records []load.Record, seg *Segment, late time.Duration) string {
	worst := records[0]
	for _, r := range records[1:] {
		if latency(r) > latency(worst) || latency(r) == latency(worst) && r.Planned < worst.Planned {
			worst = r
		}
	}
	return fmt.Sprintf("largest latency %v at %+.3f s, L is %v",
		latency(worst).Round(100*time.Microsecond), seconds(worst.Planned-seg.TFault), late.Round(time.Millisecond))
}

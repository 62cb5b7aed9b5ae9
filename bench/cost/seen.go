package cost

import (
	"slices"

	"github.com/bulkhead-mesh/bulkhead/bench/load"
)

// seen is what a record has of one turn.
type seen struct {
	pods       int
	round      int
	isolation  string
	rotation   int64
	phases     map[string]*phase
	starts     []Start
	replaced   []Replaced
	latency    map[string][]int64 // sorted, ns from the planned time, by kind of flow; answered, in Load
	failed     int                // in Load
	asked      int                // in Replace: requests
	unanswered map[string]int     // of those, by kind of flow
	cuts       []int64            // in Replace: when a long-lived connection broke, sorted
}

func (s *seen) phase(name string) *phase {
	p := s.phases[name]
	if p == nil {
		p = new(phase)
		s.phases[name] = p
	}
	return p
}

// turnsOf makes the turns of the lines. One that is not done is left out: its numbers
// would be those of an interruption.
func turnsOf(lines []Line) (all []*seen) {
	var run Run
	var size Size
	var now *seen
	for _, l := range lines {
		switch {
		case l.Run != nil:
			run = *l.Run
		case l.Size != nil:
			size, now = *l.Size, nil
		case l.Turn != nil:
			now = &seen{
				pods: size.Pods, round: l.Turn.Round, isolation: l.Turn.Isolation, rotation: run.Rotation,
				phases: map[string]*phase{}, latency: map[string][]int64{}, unanswered: map[string]int{},
			}
		case l.Done && now != nil:
			all, now = append(all, now), nil
		case now != nil:
			now.take(l)
		}
	}
	return all
}

func (s *seen) take(l Line) {
	switch {
	case l.Start != nil:
		s.starts = append(s.starts, *l.Start)
	case l.Replaced != nil:
		s.replaced = append(s.replaced, *l.Replaced)
	case l.Window != nil:
		s.phase(l.Window.Phase).window = *l.Window
	case l.Sample != nil && l.Sample.Ends:
		p := s.phase(l.Sample.Phase)
		p.to, p.end = l.At, *l.Sample
	case l.Sample != nil:
		p := s.phase(l.Sample.Phase)
		p.from, p.begin = l.At, *l.Sample
	}
}

// hear gives the turns their requests. A request belongs to the window in which it
// was planned.
func hear(turns []*seen, flows map[int][]string, requests []load.Record) {
	type window struct {
		Window
		turn *seen
	}
	var all []window
	for _, t := range turns {
		for _, p := range t.phases {
			if p.window.To > p.window.From {
				all = append(all, window{p.window, t})
			}
		}
	}
	slices.SortFunc(all, func(a, b window) int { return int(min(max(a.From-b.From, -1), 1)) })
	for _, r := range requests {
		i, exact := slices.BinarySearchFunc(all, r.Planned, func(w window, at int64) int { return int(min(max(w.From-at, -1), 1)) })
		if !exact {
			i-- // the last one that began before
		}
		if i >= 0 && r.Planned < all[i].To {
			all[i].turn.hear(all[i].Phase, flows[all[i].turn.pods], r)
		}
	}
	for _, t := range turns {
		slices.Sort(t.cuts)
		for _, l := range t.latency {
			slices.Sort(l)
		}
	}
}

func (s *seen) hear(phase string, flows []string, r load.Record) {
	if r.Flow >= len(flows) {
		return
	}
	switch {
	case phase == Replace && r.Seq == load.Break:
		s.cuts = append(s.cuts, r.Done)
	case phase == Replace:
		s.asked++
		if r.Error != "" {
			s.unanswered[flows[r.Flow]]++
		}
	case phase != Load || r.Seq == load.Break:
	case r.Error != "":
		s.failed++
	default:
		s.latency[flows[r.Flow]] = append(s.latency[flows[r.Flow]], r.Done-r.Planned)
	}
}

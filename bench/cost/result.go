package cost

import (
	"fmt"
	"slices"

	"github.com/bulkhead-mesh/bulkhead/bench/load"
)

// Result is what a record says.
type Result struct {
	Sizes   []SizeResult `json:"sizes"`
	Invalid []string     `json:"invalid,omitempty"` // why nobody should quote it
	Failed  int          `json:"failed,omitempty"`  // requests of the undisturbed load, of all turns
	Busy    *Spread      `json:"busy,omitempty"`    // the machine's load average at the ends of all loads
}

// SizeResult is that of one number of pods.
type SizeResult struct {
	Pods int   `json:"pods"`
	Rows []Row `json:"rows"` // in the order of Run.Isolations
}

// Row is one isolation. A number that is not to be had is not in Numbers.
type Row struct {
	Isolation string             `json:"isolation"`
	Numbers   map[string]*Spread `json:"numbers"`
}

// Judge computes everything from the record.
func Judge(lines []Line, requests []load.Record) *Result {
	r := new(Result)
	flows := make(map[int][]string)
	var run Run
	var end *End
	for _, l := range lines {
		switch {
		case l.Run != nil:
			run = *l.Run
		case l.Size != nil:
			flows[l.Size.Pods] = l.Size.Flows
		case l.End != nil:
			end = l.End
		}
	}
	turns := turnsOf(lines)
	hear(turns, flows, requests)
	var busy []float64
	for _, t := range turns {
		r.Failed += t.failed
		busy = append(busy, t.phase(Load).window.Busy)
	}
	r.Busy = spreadOf(busy)
	for _, pods := range run.Sizes {
		if rows := rowsOf(run, pods, turns); len(rows) > 0 {
			r.Sizes = append(r.Sizes, SizeResult{pods, rows})
		}
	}
	r.Invalid = invalid(end)
	return r
}

func invalid(end *End) (why []string) {
	switch {
	case end == nil:
		return []string{"the run was killed before it ended"}
	case end.Why != "":
		why = append(why, "the run did not end: "+end.Why)
	}
	if end.Lost > 0 {
		why = append(why, fmt.Sprintf("%d records of requests were lost", end.Lost))
	}
	return why
}

func rowsOf(run Run, pods int, turns []*seen) (rows []Row) {
	none := make(map[int]*seen)
	for _, t := range turns {
		if t.pods == pods && t.isolation == None {
			none[t.round] = t
		}
	}
	for _, isolation := range run.Isolations {
		mine := slices.DeleteFunc(slices.Clone(turns), func(t *seen) bool { return t.pods != pods || t.isolation != isolation })
		if len(mine) == 0 {
			continue
		}
		row := Row{isolation, make(map[string]*Spread)}
		for _, m := range metrics {
			var xs []float64
			for _, t := range mine {
				xs = append(xs, m.of(t, none[t.round]))
			}
			if s := spreadOf(xs); s != nil {
				row.Numbers[m.name] = s
			}
		}
		rows = append(rows, row)
	}
	return rows
}

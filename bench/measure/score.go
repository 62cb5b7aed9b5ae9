package measure

import (
	"cmp"
	"slices"
	"time"
)

// Score is how an operator's tool did over many drills. Segments of records that must not be
// used are left out, but counted.
type Score struct {
	Groups     []Group  `json:"groups"` // node proxies, sidecars
	Nulls      Silence  `json:"nulls"`
	Operations Silence  `json:"operations"` // drills in which nothing of the mesh is wrong
	Misses     []Miss   `json:"misses"`
	Invalid    []string `json:"invalid"`   // drills whose records must not be used
	Without    []string `json:"unscored"`  // drills of which nobody has said what would be right
	Quiet      int      `json:"untouched"` // segments in which nobody was hit and nothing was said: there was nothing to name
}

// Group is one kind of data plane.
type Group struct {
	Name     string          `json:"name"`
	Named    int             `json:"named"`
	Of       int             `json:"of"`
	After    []time.Duration `json:"after"`    // sorted
	Commands []int           `json:"commands"` // sorted, where the right thing was named
	Hit      int             `json:"hit"`      // workloads, ditto
	Found    int             `json:"found"`
	Vain     int             `json:"vain"` // victims that were none
}

// Silence is segments in which nothing should be said.
type Silence struct {
	Segments int    `json:"segments"`
	Spoke    []Miss `json:"spoke"` // those in which something was
}

// Miss is a segment in which the right thing was not said in time, or something where nothing is wrong.
type Miss struct {
	Drill   string   `json:"drill"`
	Subject string   `json:"subject"`
	Repeat  int      `json:"repeat"`
	Hit     []string `json:"hit"`
	Said    []Said   `json:"said"`
}

// The groups.
const (
	nodeProxies = "node proxies"
	sidecars    = "sidecars"
)

// NewScore is one without drills.
func NewScore() *Score {
	return &Score{
		Groups: []Group{{Name: nodeProxies, After: []time.Duration{}, Commands: []int{}}, {Name: sidecars, After: []time.Duration{}, Commands: []int{}}},
		Nulls:  Silence{Spoke: []Miss{}}, Operations: Silence{Spoke: []Miss{}}, Misses: []Miss{}, Invalid: []string{}, Without: []string{},
	}
}

// Add counts what was judged of one record; looks of that record that were made by nobody count for nothing.
func (s *Score) Add(run *Run, res *Result) {
	if len(res.Triage) == 0 {
		return
	}
	if len(res.Invalid) > 0 {
		s.Invalid = append(s.Invalid, run.Drill)
		return
	}
	if run.Drill != Null && truths[run.Drill] == nil && !IsOperation(run.Drill) {
		s.Without = append(s.Without, run.Drill)
	}
	for i := range res.Triage {
		s.add(run, &res.Triage[i])
	}
}

func (s *Score) add(run *Run, t *Triage) {
	miss := Miss{run.Drill, t.Subject, t.Repeat, t.Hit, t.Said}
	switch {
	case t.Kind == Null:
		s.Nulls.add(miss, len(t.Said) > 0)
	case t.Skipped || t.Kind != run.Drill:
	case IsOperation(run.Drill):
		s.Operations.add(miss, t.Beside() > 0)
	case !t.Scored:
	case !t.Named && t.Quiet():
		s.Quiet++
	default:
		s.Groups[groupOf(t.Subject)].add(t)
		if !t.Named {
			s.Misses = append(s.Misses, miss)
		}
	}
}

func (q *Silence) add(m Miss, spoke bool) {
	q.Segments++
	if spoke {
		q.Spoke = append(q.Spoke, m)
	}
}

func groupOf(subject string) int {
	if subject == "sidecar" {
		return 1
	}
	return 0
}

func (g *Group) add(t *Triage) {
	g.Of++
	if !t.Named {
		return
	}
	g.Named++
	g.Hit, g.Found, g.Vain = g.Hit+len(t.Hit), g.Found+t.Found, g.Vain+len(t.Victims)-t.Found
	g.After, g.Commands = sorted(g.After, t.After), sorted(g.Commands, t.Commands)
}

// sorted is a sorted list with one more.
func sorted[T cmp.Ordered](all []T, x T) []T {
	at, _ := slices.BinarySearch(all, x)
	return slices.Insert(all, at, x)
}

// All is both groups together.
func (s *Score) All() Group {
	all := Group{Name: "all"}
	for _, g := range s.Groups {
		all.Named, all.Of = all.Named+g.Named, all.Of+g.Of
		all.Hit, all.Found, all.Vain = all.Hit+g.Hit, all.Found+g.Found, all.Vain+g.Vain
		all.After, all.Commands = append(all.After, g.After...), append(all.Commands, g.Commands...)
	}
	slices.Sort(all.After)
	slices.Sort(all.Commands)
	return all
}

package web

import (
	"slices"

	"github.com/bulkhead-mesh/bulkhead/bench/load"
	"github.com/bulkhead-mesh/bulkhead/bench/measure"
	"github.com/bulkhead-mesh/bulkhead/bench/report"
)

// picture is one drill: a band for each subject, on one time axis.
type picture struct {
	doc   *report.Document
	first int // bin at the left edge, counted from the fault
	bins  int
	bands []band
}

// band is the typical repeat of one subject.
type band struct {
	subject string
	outcome *measure.Outcome
	segment *measure.Segment
	void    []int // bins, counted from the fault
	rows    []row
	repeat  int // of repeats, both from 1
	repeats int
}

// row is one workload.
type row struct {
	name, node string
	opens      bool // the first of its node
	culprit    bool
	must, may  bool // be hit
	hit, down  bool
	first      int
	lanes      [2]lane // new, reused connections
}

// lane is the worst of several flows, bin by bin; nil: there are none.
type lane []measure.Grade

// newPicture draws what the record has of each subject, the only one given or all.
func newPicture(d *report.Document, only string) *picture {
	p := &picture{doc: d}
	last := 0
	for i := range d.Result.Rows {
		r := &d.Result.Rows[i]
		if only != "" && r.Subject != only {
			continue
		}
		b := newBand(d, r)
		h := &d.Heats[b.outcome.Segment]
		p.first, last = min(p.first, b.opening(h.First)), max(last, h.First+len(h.Void))
		p.bands = append(p.bands, b)
	}
	p.bins = max(1, last-p.first)
	return p
}

func newBand(d *report.Document, r *measure.Row) band {
	i, repeat := typical(d, r)
	o := &d.Result.Outcomes[i]
	b := band{subject: r.Subject, outcome: o, segment: &d.Run.Segments[o.Segment], repeat: repeat, repeats: len(r.Outcomes)}
	h := &d.Heats[o.Segment]
	for j, v := range h.Void {
		if v {
			b.void = append(b.void, h.First+j)
		}
	}
	node := ""
	for _, w := range ordered(d.Run) {
		b.rows = append(b.rows, newRow(d, &b, w, h))
		b.rows[len(b.rows)-1].opens = w.Node != node
		node = w.Node
	}
	return b
}

// calm is how many bins of a baseline in which nothing happened are drawn.
const calm = 15

// opening is the first bin worth looking at: a picture has room for a few that are calm.
func (b *band) opening(first int) int {
	if len(b.void) > 0 && b.void[0] < -calm {
		return first
	}
	for i := range b.rows {
		for _, l := range b.rows[i].lanes {
			if slices.ContainsFunc(l[:min(len(l), max(0, -calm-first))], func(g measure.Grade) bool { return g > measure.Served }) {
				return first
			}
		}
	}
	return max(first, -calm)
}

// typical is the median outcome of a row, the lower one of an even number: by bystanders,
// then by error-seconds, then by time. The second result is its place in time, from 1.
func typical(d *report.Document, r *measure.Row) (outcome, repeat int) {
	all := slices.Clone(r.Outcomes)
	slices.SortStableFunc(all, func(a, b int) int {
		x, y := &d.Result.Outcomes[a], &d.Result.Outcomes[b]
		if n := len(x.Bystanders) - len(y.Bystanders); n != 0 {
			return n
		}
		return tenths(x.ErrorSeconds) - tenths(y.ErrorSeconds)
	})
	outcome = all[(len(all)-1)/2]
	return outcome, slices.Index(r.Outcomes, outcome) + 1
}

// tenths are bad bins: whole numbers compare exactly.
func tenths(e measure.ErrorSeconds) int { return int(10*(e.New+e.Reused) + 0.5) }

// ordered are the workloads: the culprit's node first, the culprit before its neighbours,
// the others by node; within a node as the record has them.
func ordered(run *measure.Run) []measure.Workload {
	home := nodeOf(run, run.Culprit)
	rank := func(w measure.Workload) int {
		switch {
		case w.Name == run.Culprit:
			return -2
		case w.Node == home:
			return -1
		}
		return slices.Index(run.Nodes, w.Node)
	}
	all := slices.DeleteFunc(slices.Clone(run.Workloads), func(w measure.Workload) bool { return w.Sentinel })
	slices.SortStableFunc(all, func(a, b measure.Workload) int { return rank(a) - rank(b) })
	return all
}

func nodeOf(run *measure.Run, workload string) string {
	for _, w := range run.Workloads {
		if w.Name == workload {
			return w.Node
		}
	}
	return ""
}

// newRow puts the flows of a workload one upon the other.
func newRow(d *report.Document, b *band, w measure.Workload, h *measure.Heat) row {
	r := row{name: w.Name, node: w.Node, culprit: w.Name == d.Run.Culprit, first: h.First}
	for j, f := range d.Run.Flows {
		if f.Denied && enforces(d.Run, b.subject) && (f.Client == w.Name || f.Server == w.Name) {
			r.lanes[0] = worse(r.lanes[0], h.Flows[j]) // nothing, unless one was admitted
		}
		if !r.shows(d.Run, f) {
			continue
		}
		r.must = r.must || slices.Contains(b.outcome.Predicted, f.ID)
		r.may = r.may || slices.Contains(b.outcome.May, f.ID)
		r.hit = r.hit || slices.Contains(b.outcome.Hit, f.ID)
		r.down = r.down || slices.Contains(b.outcome.Down, f.ID)
		to := &r.lanes[0]
		if f.Kind == load.Reused {
			to = &r.lanes[1]
		}
		*to = worse(*to, h.Flows[j])
	}
	return r
}

// shows: all flows with an end at the culprit in its own row, bystander flows in others.
func (r *row) shows(run *measure.Run, f measure.Flow) bool {
	here := f.Client == r.name || f.Server == r.name
	return here && !f.Sentinel && !f.Denied && (r.culprit || bystander(run, f))
}

// enforces: nobody denies anything where no data plane is.
func enforces(run *measure.Run, subject string) bool {
	i := slices.IndexFunc(run.Subjects, func(s measure.Subject) bool { return s.Name == subject })
	return run.Subjects[i].Isolation != "none"
}

// bystander: neither end is the culprit.
func bystander(run *measure.Run, f measure.Flow) bool {
	return !f.Sentinel && !f.Denied && f.Client != run.Culprit && f.Server != run.Culprit
}

func worse(a, b lane) lane {
	if a == nil {
		return slices.Clone(b)
	}
	for i := range a {
		a[i] = max(a[i], b[i])
	}
	return a
}

package web

import (
	"fmt"
	"strings"
	"time"

	"github.com/bulkhead-mesh/bulkhead/bench/measure"
)

func (c *canvas) title() string {
	return fmt.Sprintf("%s: who was hit, workload by workload, over time", c.doc.Title())
}

// describe is the picture for those who do not see it.
func (c *canvas) describe() string {
	var said []string
	for i := range c.bands {
		b := &c.bands[i]
		if b.outcome.Skipped != "" {
			said = append(said, b.subject+": did not strike: "+b.outcome.Skipped)
			continue
		}
		said = append(said, b.subject+": "+b.sum())
	}
	return strings.Join(said, ". ") + "."
}

// sum is the outcome of a band in one line.
func (b *band) sum() string {
	o := b.outcome
	said := []string{
		count(len(o.Bystanders), "bystander flow") + " hit",
		fmt.Sprintf("%s in all", count(len(o.Hit), "flow")),
		fmt.Sprintf("%.1f error-seconds", o.ErrorSeconds.New+o.ErrorSeconds.Reused),
		recovered(o, b.segment),
	}
	if b.repeats > 1 {
		said = append(said, fmt.Sprintf("repeat %d of %d", b.repeat, b.repeats))
	}
	return strings.Join(said, " · ")
}

func recovered(o *measure.Outcome, seg *measure.Segment) string {
	switch r := o.Recovery; {
	case !r.Needed:
		return "nothing to recover from"
	case !r.Within:
		return "not recovered in " + seconds(time.Duration(seg.TEnd-seg.TFault))
	default:
		return "recovered after " + seconds(r.After)
	}
}

func count(n int, what string) string {
	if n == 1 {
		return "1 " + what
	}
	return fmt.Sprintf("%d %ss", n, what)
}

func (r *row) class() string {
	class := "row"
	if r.culprit {
		class += " culprit"
	}
	if r.hit {
		class += " hit"
	}
	return class
}

// describe is the row in words.
func (r *row) describe() string {
	what := "bystander"
	if r.culprit {
		what = "culprit"
	}
	return fmt.Sprintf("%s on %s, %s: new connections %s; reused %s", r.name, r.node, what, r.lanes[0].describe(r.first), r.lanes[1].describe(r.first))
}

// runs that a text names of one lane.
const maxRuns = 6

// describe lists when something was bad.
func (l lane) describe(first int) string {
	if l == nil {
		return "have no bystander flow"
	}
	var said []string
	for from := 0; from < len(l); {
		to := from
		for to < len(l) && word(l[to]) == word(l[from]) {
			to++
		}
		if w := word(l[from]); w != "" {
			said = append(said, fmt.Sprintf("%s %+.1f to %+.1f s", w, float64(first+from)/10, float64(first+to)/10))
		}
		from = to
	}
	switch n := len(said); {
	case n == 0:
		return "undisturbed"
	case n > maxRuns:
		said = append(said[:maxRuns], "and "+count(n-maxRuns, "more time"))
	}
	return strings.Join(said, ", ")
}

func word(g measure.Grade) string {
	switch g {
	case measure.Late, measure.Later, measure.Latest:
		return "late"
	case measure.Failed:
		return "failed"
	case measure.Admitted:
		return "ADMITTED against a policy"
	}
	return ""
}

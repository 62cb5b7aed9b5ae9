package web

import (
	"fmt"
	"slices"
	"strings"

	"github.com/bulkhead-mesh/bulkhead/bench/report"
)

// verdict is what is to be said of one subject, over all drills.
type verdict struct {
	Subject  string
	Figure   string // the number to look at
	Unit     string // what it counts
	Sentence string
	Cost     string
	Class    string // contained, spread, unknown
}

// verdicts has one for each subject of the matrix.
func verdicts(m *report.Matrix) (all []verdict) {
	for i, subject := range m.Subjects {
		t := tallyOf(m, i)
		v := verdict{Subject: subject, Class: "contained"}
		switch {
		case t.struck == 0:
			v.Figure, v.Unit, v.Class = "–", "nothing struck here", "unknown"
		case len(m.Lines) == 1:
			c := m.Lines[0].Cells[i]
			v.Figure = c.Bystanders.String()
			v.Unit = fmt.Sprintf("of %s hit", count(bystanders(m.Lines[0].Doc), "bystander flow"))
		default:
			v.Figure, v.Unit = fmt.Sprintf("%d of %d", t.contained, t.struck), "drills contained"
		}
		if t.contained < t.struck {
			v.Class = "spread"
		}
		v.Sentence = t.sentence(m, i)
		switch c := costOf(m, i); {
		case bare(m, i):
			v.Cost = "no data plane: nothing is encrypted, no policy enforced"
		case c.measured:
			v.Cost = fmt.Sprintf("%.0f MiB · %.0f ms CPU per 1,000 requests", c.mib, c.cpu)
		}
		all = append(all, v)
	}
	return all
}

// bare is a subject without a data plane.
func bare(m *report.Matrix, subject int) bool { return subjectOf(m, subject).Isolation == "none" }

// tally is what the drills did to one subject.
type tally struct {
	struck, contained, skipped int
	worst                      int // line; -1: no bystander was hit
}

func tallyOf(m *report.Matrix, subject int) tally {
	t := tally{worst: -1}
	for i, line := range m.Lines {
		c := line.Cells[subject]
		switch {
		case c.Row == nil, discounted(m, &line):
		case c.Skipped != "":
			t.skipped++
		default:
			t.struck++
			if c.Bystanders.High == 0 {
				t.contained++
			} else if t.worst < 0 || c.WorseThan(m.Lines[t.worst].Cells[subject]) {
				t.worst = i
			}
		}
	}
	return t
}

// discounted is an invalid drill among others: it is shown, and counts for nobody. One
// that stands alone is all that there is to say, below what says that it is invalid.
func discounted(m *report.Matrix, line *report.Line) bool {
	return len(m.Lines) > 1 && len(line.Doc.Result.Invalid) > 0
}

// sentence says how far faults reached.
func (t tally) sentence(m *report.Matrix, subject int) string {
	said := []string{}
	switch {
	case t.struck == 0:
	case len(m.Lines) == 1:
		said = append(said, reach(&m.Lines[0], subject))
	case t.worst < 0:
		said = append(said, fmt.Sprintf("Nobody but the culprit was hit in any of %s.", count(t.struck, "drill")))
	default:
		c := m.Lines[t.worst].Cells[subject]
		said = append(said, fmt.Sprintf("Bystanders were hit in %d of %s. At worst %s: %s, %.1f error-seconds.",
			t.struck-t.contained, count(t.struck, "drill"), m.Lines[t.worst].Doc.Title(), spanned(c.Bystanders, "bystander flow"), c.ErrorSeconds))
	}
	if t.skipped > 0 && len(m.Lines) == 1 {
		said = append(said, "The fault did not strike: "+m.Lines[0].Cells[subject].Skipped+".")
	} else if t.skipped > 0 {
		said = append(said, fmt.Sprintf("%s did not strike here.", count(t.skipped, "fault")))
	}
	return strings.Join(said, " ")
}

// reach is a drill on a subject in a sentence or two.
func reach(line *report.Line, subject int) string {
	c, d := line.Cells[subject], line.Doc
	switch {
	case c.Hit.High == 0:
		return "Nobody was hit."
	case c.Bystanders.High == 0:
		return fmt.Sprintf("Only the culprit's own flows were hit: %s, %.1f error-seconds.", c.Hit, c.ErrorSeconds)
	}
	victims, nodes, down := map[string]bool{}, map[string]bool{}, false
	for _, i := range c.Row.Outcomes {
		for _, v := range d.Result.Outcomes[i].Victims {
			victims[v.Name], nodes[v.Node] = true, true
			down = down || v.Down > 0
		}
	}
	said := fmt.Sprintf("%s hit, at %s on %s", spanned(c.Bystanders, "bystander flow"), count(len(victims), "workload"), count(len(nodes), "node"))
	if down {
		said += ", some of them down for a second or more"
	}
	said += fmt.Sprintf("; %.1f error-seconds.", c.ErrorSeconds)
	if c.Noise {
		said += " Not above the noise floor."
	}
	if c.Short {
		said += " The machine's CPUs were full meanwhile: want of CPU may explain it."
	}
	return said
}

func spanned(s report.Span, what string) string {
	if s.Low == s.High {
		return count(s.High, what)
	}
	return fmt.Sprintf("%s %ss", s, what)
}

// bystanders counts the bystander flows of a run.
func bystanders(d *report.Document) (n int) {
	for _, f := range d.Run.Flows {
		if bystander(d.Run, f) {
			n++
		}
	}
	return n
}

// expense is what a subject needs: medians over the drills that measured it.
type expense struct {
	mib, cpu float64
	measured bool
}

func costOf(m *report.Matrix, subject int) expense {
	var memory, cpu []float64
	for _, line := range m.Lines {
		if r := line.Cells[subject].Row; r != nil && r.Measured {
			memory, cpu = append(memory, float64(r.PSS)/(1<<20)), append(cpu, r.CPUPer1k)
		}
	}
	if len(memory) == 0 {
		return expense{}
	}
	return expense{median(memory), median(cpu), true}
}

// median is the lower one of an even number.
func median(all []float64) float64 {
	slices.Sort(all)
	return all[(len(all)-1)/2]
}

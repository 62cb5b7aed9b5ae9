package web

import (
	"fmt"
	"slices"

	"github.com/bulkhead-mesh/bulkhead/bench/measure"
	"github.com/bulkhead-mesh/bulkhead/bench/report"
)

// line is one drill of the matrix as it is shown.
type line struct {
	Drill, Anchor string
	Invalid       bool
	Cells         []cell
}

// cell is a number that may be looked at, and what it means.
type cell struct {
	Subject    string
	State      string // none, skipped, contained, spread
	Why        string // it was skipped
	Bystanders string
	Rest       string // hit flows and error-seconds
	Share      int    // percent of bystander flows hit, at most
	Worst      bool
	Noise      bool
	Short      bool
	Violations int // of what must never be
	Missed     int // predictions
	Title      string
}

func lines(m *report.Matrix, anchors []string) (all []line) {
	for i, l := range m.Lines {
		shown := line{Drill: l.Doc.Title(), Anchor: anchors[i], Invalid: len(l.Doc.Result.Invalid) > 0}
		for j := range l.Cells {
			shown.Cells = append(shown.Cells, newCell(l.Doc, m.Subjects[j], &l.Cells[j]))
		}
		all = append(all, shown)
	}
	return all
}

func newCell(d *report.Document, subject string, c *report.Cell) cell {
	s := cell{Subject: subject, Worst: c.Worst, Noise: c.Noise, Short: c.Short}
	s.Violations, s.Missed = findingsOf(d, subject)
	switch {
	case c.Row == nil:
		s.State = "none"
		return s
	case c.Skipped != "":
		s.State, s.Why = "skipped", c.Skipped
		return s
	case c.Bystanders.High == 0:
		s.State = "contained"
	default:
		s.State = "spread"
		s.Share = 100 * c.Bystanders.High / max(1, bystanders(d))
	}
	s.Bystanders = c.Bystanders.String()
	s.Rest = fmt.Sprintf("%s hit · %.1f s", c.Hit, c.ErrorSeconds)
	for _, seen := range d.Result.Seen {
		if seen.What == measure.SeenBystanders && seen.Subject == subject {
			s.Title = "bystander flows hit: " + seen.String()
		}
	}
	return s
}

// findingsOf counts those of a subject: what must never be, and predictions not met.
func findingsOf(d *report.Document, subject string) (grave, missed int) {
	for _, f := range d.Result.Findings {
		switch {
		case f.Subject != subject:
		case f.Kind == measure.FindingDeviation:
			missed++
		default:
			grave++
		}
	}
	return grave, missed
}

// finding is one that is shown above everything else.
type finding struct {
	Drill, Anchor, Subject, Kind, Text, Where string
	Grave                                     bool // what must never be, unlike a prediction that was not met
}

// findings are those of all records, the grave ones first.
func findings(r Records, anchors []string) (all []finding) {
	for i, d := range r.Drills {
		for _, f := range d.Result.Findings {
			o := &d.Result.Outcomes[f.Segment]
			where := o.Kind
			if o.Repeat > 0 {
				where += fmt.Sprintf(", repeat %d", o.Repeat+1)
			}
			all = append(all, finding{d.Title(), anchors[i], f.Subject, f.Kind, f.Text, where, f.Kind != measure.FindingDeviation})
		}
	}
	for _, t := range r.Trust {
		for _, f := range t.Findings {
			all = append(all, finding{Drill: "key-theft", Anchor: "trust", Kind: "trust", Text: f, Grave: true})
		}
	}
	slices.SortStableFunc(all, func(a, b finding) int { return rank(a) - rank(b) })
	return all
}

func rank(f finding) int {
	if f.Grave {
		return 0
	}
	return 1
}

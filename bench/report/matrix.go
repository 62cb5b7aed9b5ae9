package report

import (
	"slices"

	"github.com/bulkhead-mesh/bulkhead/bench/measure"
)

// Matrix is isolation × drill over the records of a suite.
type Matrix struct {
	Subjects []string // columns: names of subjects, in the order in which they first appear
	Lines    []Line   // rows: drills, in the order of the records
}

// Line is one drill.
type Line struct {
	Doc   *Document
	Cells []Cell // one for each subject of the matrix
}

// Cell is one drill on one subject, over its repeats.
type Cell struct {
	Row          *measure.Row // nil: the drill did not get that far, or was not asked to
	Hit          Span         // flows
	Bystanders   Span         // of them, without an end at the culprit
	ErrorSeconds float64      // the median, of new and reused connections together
	Skipped      string       // why the fault did not strike
	Noise        bool         // its hit bystanders are no more than happen without a fault
	Short        bool         // of CPU: nearly all that its bystanders suffered lies where the machine was full
	Worst        bool         // of its drill: the most bystanders hit, and of those the most error-seconds or nearly so
}

// Span is the range of a count over repeats.
type Span struct{ Low, High int }

func (s Span) String() string { return between(s.Low, s.High) }

// NewMatrix gathers records: one, or those of a suite.
func NewMatrix(docs []*Document) *Matrix {
	m := &Matrix{}
	for _, d := range docs {
		for _, s := range d.Run.Subjects {
			if !slices.Contains(m.Subjects, s.Name) {
				m.Subjects = append(m.Subjects, s.Name)
			}
		}
	}
	for _, d := range docs {
		line := Line{Doc: d}
		for _, name := range m.Subjects {
			line.Cells = append(line.Cells, d.cell(name))
		}
		mark(line.Cells)
		m.Lines = append(m.Lines, line)
	}
	return m
}

// cell sums up one row of a document.
func (d *Document) cell(subject string) Cell {
	i := slices.IndexFunc(d.Result.Rows, func(r measure.Row) bool { return r.Subject == subject })
	if i < 0 {
		return Cell{}
	}
	c := Cell{Row: &d.Result.Rows[i]}
	outcomes := d.outcomes(c.Row)
	c.Hit = span(outcomes, func(o *measure.Outcome) int { return len(o.Hit) })
	c.Bystanders = span(outcomes, func(o *measure.Outcome) int { return len(o.Bystanders) })
	var all []float64
	for _, o := range outcomes {
		all = append(all, o.ErrorSeconds.New+o.ErrorSeconds.Reused)
		if o.Skipped != "" {
			c.Skipped = o.Skipped
		}
	}
	c.ErrorSeconds, c.Noise, c.Short = median(all), d.belowNoise(c.Row) != "", d.short(c.Row)
	return c
}

// mark finds the worst cells of a drill. Nobody is the worst where no bystander was hit,
// nor all are where all are equal.
func mark(cells []Cell) {
	judged, worst := 0, -1
	for i, c := range cells {
		if c.Row == nil || c.Skipped != "" {
			continue
		}
		judged++
		if c.Bystanders.High > 0 && (worst < 0 || c.worse(cells[worst]) > 0) {
			worst = i
		}
	}
	equal := 0
	for i := range cells {
		if worst >= 0 && cells[i].Row != nil && cells[i].Skipped == "" && cells[i].asBadAs(cells[worst]) {
			cells[i].Worst = true
			equal++
		}
	}
	for i := range cells {
		cells[i].Worst = cells[i].Worst && equal < judged
	}
}

// asBadAs is as many bystanders hit, and error-seconds within a tenth: the next run may have
// those the other way round.
func (c Cell) asBadAs(worst Cell) bool {
	return c.Bystanders.High == worst.Bystanders.High && c.ErrorSeconds >= 0.9*worst.ErrorSeconds
}

// WorseThan compares two cells: by bystanders hit, then by error-seconds.
func (c Cell) WorseThan(other Cell) bool { return c.worse(other) > 0 }

// worse compares two cells: above 0 when c is the worse one.
func (c Cell) worse(than Cell) int {
	if n := c.Bystanders.High - than.Bystanders.High; n != 0 {
		return n
	}
	return int(10*c.ErrorSeconds+0.5) - int(10*than.ErrorSeconds+0.5)
}

func span(outcomes []*measure.Outcome, of func(*measure.Outcome) int) Span {
	var all []int
	for _, o := range outcomes {
		all = append(all, of(o))
	}
	return Span{slices.Min(all), slices.Max(all)}
}

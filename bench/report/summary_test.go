package report

import (
	"strings"
	"testing"

	"github.com/bulkhead-mesh/bulkhead/bench/measure"
)

// holed is a story whose record holds one of everything that must never be.
func holed() *story {
	s := told(1)
	s.run.Drill = "crash-loop"
	for i := range s.run.Segments {
		if s.run.Segments[i].Kind == measure.Crash {
			s.run.Segments[i].Kind = "crash-loop"
		}
	}
	s.run.Segments[3].Checks = []measure.Check{{Name: "plaintext", Tried: 40, Violated: 2, Note: "10.244.1.2:9000"}}
	s.run.Segments[5].Skipped = "no cgroups without root"
	s.run.Segments[5].Predicted = []int{}
	s.run.Flows[2].Denied = true
	undone := s.segment("sidecar", measure.Undone, map[string]bool{"tenant-b/db": true}, 0, nil)
	undone.Predicted = []int{}
	return s
}

func TestSummaryGolden(t *testing.T) {
	golden(t, "summary.txt", []byte(Summary(read(t, told(1)), read(t, told(3)), read(t, holed()), read(t, spoiled()))))
	golden(t, "summary-one.txt", []byte(Summary(read(t, told(1)))))
}

func TestSummaryFitsItsWidth(t *testing.T) {
	s := told(1)
	for i := range s.run.Subjects {
		long := s.run.Subjects[i].Name + strings.Repeat(" with more", 3)
		for j := range s.run.Segments {
			if s.run.Segments[j].Subject == s.run.Subjects[i].Name {
				s.run.Segments[j].Subject = long
			}
		}
		s.run.Subjects[i].Name = long
	}
	text := Summary(read(t, s))
	for _, line := range strings.Split(text, "\n") {
		if len(line) > width {
			t.Errorf("%d columns: %s", len(line), line)
		}
	}
	for _, sub := range s.run.Subjects {
		if !strings.Contains(text, sub.Name) {
			t.Errorf("%s is not in it", sub.Name)
		}
	}
}

func TestTheWorstIsMarked(t *testing.T) {
	cell := func(bystanders int, seconds float64) Cell {
		return Cell{Row: &measure.Row{}, Bystanders: Span{bystanders, bystanders}, ErrorSeconds: seconds}
	}
	for _, c := range []struct {
		cells []Cell
		want  string
	}{
		{[]Cell{cell(0, 2), cell(14, 3)}, ".!"},
		{[]Cell{cell(14, 2), cell(14, 3), {}}, ".!."},
		{[]Cell{cell(0, 2), cell(0, 3)}, ".."},   // bystanders decide
		{[]Cell{cell(14, 3), cell(14, 3)}, ".."}, // all are equal
		{[]Cell{cell(14, 3), cell(14, 3), cell(1, 9)}, "!!."},
		{[]Cell{cell(3, 3), {Row: &measure.Row{}, Bystanders: Span{9, 9}, Skipped: "why"}}, ".."},
	} {
		mark(c.cells)
		got := ""
		for _, cell := range c.cells {
			got += map[bool]string{true: "!", false: "."}[cell.Worst]
		}
		if got != c.want {
			t.Errorf("%v: %s, want %s", c.cells, got, c.want)
		}
	}
}

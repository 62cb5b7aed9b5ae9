package report

import (
	"strings"
	"testing"

	"github.com/bulkhead-mesh/bulkhead/bench/measure"
	"github.com/bulkhead-mesh/bulkhead/bench/report/story"
)

// holed is a story whose record holds one of everything that must never be.
func holed() *story.Story {
	s := story.Told(1)
	s.Run.Drill = "crash-loop"
	for i := range s.Run.Segments {
		if s.Run.Segments[i].Kind == measure.Crash {
			s.Run.Segments[i].Kind = "crash-loop"
		}
	}
	s.Run.Segments[3].Checks = []measure.Check{{Name: "plaintext", Tried: 40, Violated: 2, Note: "10.244.1.2:9000"}}
	s.Run.Segments[5].Skipped = "no cgroups without root"
	s.Run.Segments[5].Predicted = []int{}
	s.Run.Flows[2].Denied = true
	undone := s.Segment("sidecar", measure.Undone, map[string]bool{"tenant-b/db": true}, 0, nil)
	undone.Predicted = []int{}
	return s
}

func TestSummaryGolden(t *testing.T) {
	golden(t, "summary.txt", []byte(Summary(read(t, story.Told(1)), read(t, story.Told(3)), read(t, holed()), read(t, spoiled()))))
	golden(t, "summary-one.txt", []byte(Summary(read(t, story.Told(1)))))
}

func TestSummaryFitsItsWidth(t *testing.T) {
	s := story.Told(1)
	for i := range s.Run.Subjects {
		long := s.Run.Subjects[i].Name + strings.Repeat(" with more", 3)
		for j := range s.Run.Segments {
			if s.Run.Segments[j].Subject == s.Run.Subjects[i].Name {
				s.Run.Segments[j].Subject = long
			}
		}
		s.Run.Subjects[i].Name = long
	}
	text := Summary(read(t, s))
	for _, line := range strings.Split(text, "\n") {
		if len(line) > width {
			t.Errorf("%d columns: %s", len(line), line)
		}
	}
	for _, sub := range s.Run.Subjects {
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
		{[]Cell{cell(14, 2.8), cell(14, 3), cell(2, 3)}, "!!."}, // nearly equal
		{[]Cell{cell(0, 2), cell(0, 3)}, ".."},                  // bystanders decide
		{[]Cell{cell(14, 3), cell(14, 3)}, ".."},                // all are equal
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

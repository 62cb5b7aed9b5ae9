package report

import (
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/bulkhead-mesh/bulkhead/bench/measure"
	"github.com/bulkhead-mesh/bulkhead/bench/report/story"
)

// TestOthersCanReadARecord runs the program that docs/record.md shows, which shares no
// line with ours, and compares its numbers with the judge's.
func TestOthersCanReadARecord(t *testing.T) {
	python, err := exec.LookPath("python3")
	if err != nil {
		t.Skip(err)
	}
	page, err := os.ReadFile("../../docs/record.md")
	if err != nil {
		t.Fatal(err)
	}
	_, rest, begins := strings.Cut(string(page), "```python\n")
	program, _, ends := strings.Cut(rest, "```")
	if !begins || !ends {
		t.Fatal("docs/record.md shows no program")
	}
	file := filepath.Join(t.TempDir(), "failed.py")
	if err := os.WriteFile(file, []byte(program), 0o644); err != nil {
		t.Fatal(err)
	}
	dir, err := story.Told(2).Write(t.TempDir())
	if err != nil {
		t.Fatal(err)
	}
	doc, err := Read(dir)
	if err != nil {
		t.Fatal(err)
	}
	var want strings.Builder
	all := 0
	for _, o := range doc.Result.Outcomes {
		n := 0
		for _, c := range o.Failures {
			n += c
		}
		all += n
		fmt.Fprintf(&want, "%s\t%s\t%d\t%d\n", o.Subject, o.Kind, o.Repeat, n)
	}
	got, err := exec.CommandContext(t.Context(), python, file, dir).Output()
	if err != nil || all == 0 {
		t.Fatalf("%v; %d failures in the story", err, all)
	}
	if d := cmp.Diff(want.String(), string(got)); d != "" {
		t.Error(d)
	}
}

// A busy machine raises L, and hides what is late by less: that is said.
func TestBusyMachineIsSaid(t *testing.T) {
	s := story.Told(1)
	for i := range s.Records {
		if r := &s.Records[i]; r.Seq >= 0 && r.Flow < 28 && r.Error == "" {
			r.Done = r.Planned + 150*story.MS
		}
	}
	if table := read(t, s).Table(); !strings.Contains(table, "that is 4 times the least: the machine was busy") {
		t.Errorf("%s", table)
	}
	if table := read(t, story.Told(1)).Table(); strings.Contains(table, "busy") {
		t.Errorf("a quiet one: %s", table)
	}
}

// Bystanders that were late while the machine was full are marked, in the table and in the matrix: those of workload
// here. Where there was room they are not, nor are those that were refused, as in shared.
func TestAFullMachineIsSaid(t *testing.T) {
	for _, c := range []struct {
		idle int64 // of two CPUs, in each second
		full bool
	}{{0, true}, {story.Sec / 5, false}} {
		s := story.Told(1)
		s.Run.Host.CPUs = 2
		for i := range s.Run.Segments {
			seg := &s.Run.Segments[i]
			for at := seg.T0; at <= seg.TEnd; at += story.Sec {
				seg.Machine = append(seg.Machine, measure.Machine{T: at, Idle: (at - seg.T0) / story.Sec * c.idle})
			}
		}
		struck := s.Run.Segments[3].TFault // workload's
		for i := range s.Records {
			if r := &s.Records[i]; r.Flow == 9 && r.Planned >= struck && r.Planned < struck+300*story.MS {
				r.Done = r.Planned + 130*story.MS
			}
		}
		d := read(t, s)
		if table := d.Table(); !strings.Contains(table, "CPUs of the machine") || strings.Contains(table, "want of CPU") != c.full {
			t.Errorf("%d ns idle a second:\n%s", c.idle, table)
		}
		if strings.Contains(Summary(d), "CPUs full: crash, workload: ") != c.full {
			t.Errorf("%d ns idle a second:\n%s", c.idle, Summary(d))
		}
		m := NewMatrix([]*Document{d})
		for i, cell := range m.Lines[0].Cells {
			if want := c.full && m.Subjects[i] == "workload"; cell.Short != want {
				t.Errorf("%d ns idle a second: %s is marked: %t", c.idle, m.Subjects[i], cell.Short)
			}
		}
	}
}

// A row in which no fault struck says that, and not that nobody was hit; checks and
// findings have their lines.
func TestTableOfWhatIsNotAFault(t *testing.T) {
	table := read(t, holed()).Table()
	for _, want := range []string{
		"shared (as ztunnel)     skipped",
		"not enforceable here: the fault did not strike\n  shared (as ztunnel)  no cgroups without root",
		"  workload             plaintext: 2 of 40 attempts: VIOLATED",
		"  - workload, crash-loop: check plaintext violated 2 of 40 times (10.244.1.2:9000)",
		"after the undo: errors: 1 of 1 undone segment",
	} {
		if !strings.Contains(table, want) {
			t.Errorf("%q is not in\n%s", want, table)
		}
	}
}

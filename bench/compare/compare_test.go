package compare

import (
	"encoding/json"
	"errors"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"go.uber.org/goleak"

	"github.com/bulkhead-mesh/bulkhead/bench/condition"
	"github.com/bulkhead-mesh/bulkhead/bench/document"
	"github.com/bulkhead-mesh/bulkhead/bench/load"
	"github.com/bulkhead-mesh/bulkhead/bench/measure"
	"github.com/bulkhead-mesh/bulkhead/bench/report"
	"github.com/bulkhead-mesh/bulkhead/bench/report/story"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// told is a story of two subjects, of two flows that the crash hits and two that it does
// not: what is compared here are numbers, and there are many runs.
func told(repeats int) *story.Story {
	s := story.Told(repeats)
	s.Run.Subjects = s.Run.Subjects[:2] // sidecar, workload
	left := func(f int) bool { return f == 0 || f == 1 || f == 20 || f == 21 }
	s.Run.Flows = slices.DeleteFunc(s.Run.Flows, func(f measure.Flow) bool { return !left(f.ID) })
	s.Run.Segments = slices.DeleteFunc(s.Run.Segments, func(seg measure.Segment) bool {
		return strings.HasPrefix(seg.Subject, "shared")
	})
	for i := range s.Run.Segments {
		seg := &s.Run.Segments[i]
		seg.Predicted = slices.DeleteFunc(seg.Predicted, func(id int) bool { return !left(id) })
	}
	s.Records = slices.DeleteFunc(s.Records, func(r load.Record) bool { return !left(r.Flow) })
	return s
}

func written(t *testing.T, s *story.Story, dir string) {
	t.Helper()
	if err := os.MkdirAll(dir, 0o755); err != nil {
		t.Fatal(err)
	}
	if _, err := s.Write(dir); err != nil {
		t.Fatal(err)
	}
}

// of compares two stories.
func of(t *testing.T, a, b *story.Story) (*Comparison, error) {
	t.Helper()
	records := func(s *story.Story) []Record {
		res, err := measure.Judge(s.Run, s.Records)
		if err != nil {
			t.Fatal(err)
		}
		return []Record{{s.Run.Drill, &report.Document{Run: s.Run, Result: res}}}
	}
	return between("a", "b", records(a), records(b))
}

func must(t *testing.T, a, b *story.Story) *Comparison {
	t.Helper()
	c, err := of(t, a, b)
	if err != nil {
		t.Fatal(err)
	}
	return c
}

// verdicts of one subject, by figure.
func verdicts(c *Comparison, subject string) map[string]string {
	found := map[string]string{}
	for _, s := range c.Drills[0].Subjects {
		if s.Name == subject {
			found["flows"] = s.Flows.Verdict
			for _, change := range s.Changes {
				found[change.Figure] = change.Verdict
			}
		}
	}
	return found
}

// slower makes every request that a fault fails of some subject take long before it, so that
// more of them fail: the data plane stays away for longer.
func slower(s *story.Story, subject string, extra int64) *story.Story {
	for _, seg := range s.Run.Segments {
		if seg.Subject != subject || seg.Kind != measure.Crash {
			continue
		}
		last := map[int]int64{}
		for _, r := range s.Records {
			if r.Error == load.Refused && r.Planned >= seg.TFault && r.Planned < seg.TEnd {
				last[r.Flow] = max(last[r.Flow], r.Planned)
			}
		}
		for i := range s.Records {
			r := &s.Records[i]
			if at, hit := last[r.Flow]; hit && r.Planned > at && r.Planned <= at+extra && r.Planned < seg.TEnd {
				r.Error, r.Peer = load.Refused, ""
			}
		}
	}
	return s
}

func TestARunIsAsItIs(t *testing.T) {
	c := must(t, told(4), told(4))
	for _, d := range c.Drills {
		for _, s := range d.Subjects {
			if s.Flows.Verdict != Same {
				t.Errorf("%s: flows %+v", s.Name, s.Flows)
			}
			for _, change := range s.Changes {
				if change.Verdict != Same && change.Verdict != Noise {
					t.Errorf("%s: %+v", s.Name, change)
				}
			}
		}
	}
	if len(c.Warnings) != 0 || len(c.Met(condition.Condition{Name: condition.Worse})) != 0 {
		t.Errorf("warnings %v; worse %v", c.Warnings, c.Met(condition.Condition{Name: condition.Worse}))
	}
}

func TestWhatIsMoreThanNoise(t *testing.T) {
	after := slower(told(4), "workload", story.Sec)
	v := verdicts(must(t, told(4), after), "workload")
	for figure, want := range map[string]string{
		measure.FigureNew: Worse, measure.FigureFailed: Worse, measure.FigureRecovery: Worse, measure.FigureHit: Same, "flows": Same,
	} {
		if v[figure] != want {
			t.Errorf("%s: %s, want %s", figure, v[figure], want)
		}
	}
	c := must(t, after, told(4))
	if v := verdicts(c, "workload"); v[measure.FigureNew] != Better {
		t.Errorf("the other way round: %v", v)
	}
	if v := verdicts(c, "sidecar"); v[measure.FigureNew] != Noise {
		t.Errorf("a subject that did not change: %v", v)
	}
	if !strings.Contains(c.Table(), "better       error-seconds new") || !strings.Contains(c.Table(), "by chance alone") {
		t.Errorf("table\n%s", c.Table())
	}
}

// One repeat tells nothing about figures, and all about flows that fail where nothing is open.
func TestFewRepeats(t *testing.T) {
	hole := told(1)
	seg := hole.Run.Segments[3] // workload, crash
	for i := range hole.Records {
		if r := &hole.Records[i]; r.Flow == 20 && r.Planned >= seg.TFault && r.Planned < seg.TFault+story.Sec {
			r.Error, r.Peer = load.Reset, ""
		}
	}
	c := must(t, told(1), hole)
	v := verdicts(c, "workload")
	if v["flows"] != Worse || v[measure.FigureHit] != CannotTell || v[measure.FigurePSS] != Same {
		t.Errorf("%v", v)
	}
	met := c.Met(condition.Condition{Name: condition.Worse, Isolation: "workload"})
	if len(met) != 1 || met[0] != "crash, workload: worse: fail in B and never in A: flows 20" {
		t.Errorf("%q", met)
	}
	if met := c.Met(condition.Condition{Name: "bystanders", Isolation: "workload"}); len(met) != 1 {
		t.Errorf("a condition on B: %q", met)
	}
	for i := range hole.Run.Segments { // now something is open
		hole.Run.Segments[i].Waiting = []int{21}
	}
	if v := verdicts(must(t, told(1), hole), "workload"); v["flows"] != CannotTell {
		t.Errorf("with an open prediction: %v", v)
	}
	if v := verdicts(must(t, told(3), slower(told(3), "workload", story.Sec)), "workload"); v[measure.FigureNew] != CannotTell {
		t.Errorf("three against three: %v", v)
	}
}

func TestAnInvalidRecordTellsNothing(t *testing.T) {
	lost := slower(told(4), "workload", story.Sec)
	lost.Run.Lost = 3
	c := must(t, told(4), lost)
	if v := verdicts(c, "workload"); v[measure.FigureNew] != CannotTell || v["flows"] != CannotTell || len(c.Drills[0].Invalid) != 1 {
		t.Errorf("%v, invalid %v", v, c.Drills[0].Invalid)
	}
}

func TestWhatCannotBeCompared(t *testing.T) {
	for wants, spoil := range map[string]func(*measure.Run){
		"another drill (crash and hang)": func(r *measure.Run) { // its segments are another story
			r.Drill = "hang"
		},
		"another culprit (tenant-a/checkout and tenant-b/db)": func(r *measure.Run) { r.Culprit = "tenant-b/db" },
		"another method":         func(r *measure.Run) { r.Method.Lasts = story.Sec },
		"another restart policy": func(r *measure.Run) { r.Restart.Mode = "equal" },
		"another topology":       func(r *measure.Run) { r.Workloads[3].Node = "node-1" },
		"another load":           func(r *measure.Run) { r.Flows[2].Timeout *= 2 },
		"sidecar: the runs cannot be compared: another subject of this name": func(r *measure.Run) { r.Subjects[0].Budgets = "on" },
	} {
		b := told(1)
		spoil(b.Run)
		var not *NotComparableError
		if _, err := of(t, told(1), b); !errors.As(err, &not) || !not.Misuse() || !strings.Contains(err.Error(), wants) {
			t.Errorf("error %v, want one with %q", err, wants)
		}
	}
}

func TestWarnings(t *testing.T) {
	b := told(1)
	b.Run.Host.CPUs, b.Run.Version = 64, "next"
	c := must(t, told(1), b)
	if got := strings.Join(c.Warnings, "\n"); strings.Count(got, "\n") != 1 || !strings.Contains(got, "another machine") || !strings.Contains(got, "another version: test and next") {
		t.Errorf("%s", got)
	}
}

func TestSuites(t *testing.T) {
	a, b := filepath.Join(t.TempDir(), "a[1]"), t.TempDir()
	written(t, told(1), filepath.Join(a, "crash"))
	written(t, told(1), filepath.Join(a, "hang"))
	written(t, told(1), filepath.Join(b, "crash"))
	written(t, told(1), filepath.Join(b, "poison"))
	c, err := Of(a, b)
	if err != nil {
		t.Fatal(err)
	}
	if len(c.Drills) != 1 || c.Drills[0].Name != "crash" || len(c.Warnings) != 2 {
		t.Errorf("drills %+v, warnings %v", c.Drills, c.Warnings)
	}
	var not *NotComparableError
	other := t.TempDir()
	written(t, told(1), filepath.Join(other, "x"))
	written(t, told(1), filepath.Join(other, "y"))
	if _, err := Of(a, other); !errors.As(err, &not) {
		t.Errorf("nothing in common: %v", err)
	}
	var none *document.NoRecordError
	if _, err := Of(a, t.TempDir()); !errors.As(err, &none) {
		t.Errorf("an empty directory: %v", err)
	}
}

func TestJSONSaysWhatTheTableSays(t *testing.T) {
	b, err := must(t, told(4), slower(told(4), "workload", story.Sec)).JSON()
	if err != nil {
		t.Fatal(err)
	}
	var again Comparison
	if err := json.Unmarshal(b, &again); err != nil || again.Schema != Schema || verdicts(&again, "workload")[measure.FigureNew] != Worse {
		t.Errorf("%v: %s", err, b)
	}
}

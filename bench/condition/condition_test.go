package condition

import (
	"errors"
	"slices"
	"strings"
	"sync"
	"testing"

	"github.com/google/go-cmp/cmp"
	"go.uber.org/goleak"

	"github.com/bulkhead-mesh/bulkhead/bench/load"
	"github.com/bulkhead-mesh/bulkhead/bench/measure"
	"github.com/bulkhead-mesh/bulkhead/bench/report/story"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

func TestParse(t *testing.T) {
	for text, want := range map[string]Condition{
		"bystanders>0":                     {"", "bystanders", 0},
		" error-seconds > 2.5 ":            {"", "error-seconds", 2.5},
		"workload:findings>0":              {"workload", "findings", 0},
		"shared (custody on):bystanders>3": {"shared (custody on)", "bystanders", 3},
		"worse":                            {"", Worse, 0},
		"sidecar:worse":                    {"sidecar", Worse, 0},
		"invalid":                          {"", Invalid, 0},
	} {
		if got, err := Parse(text); err != nil || got != want {
			t.Errorf("%q: %+v, %v; want %+v", text, got, err, want)
		}
	}
	for _, text := range []string{"", ">", "bystanders", "bystanders>", "bystanders>x", "bystanders>-1", "bystanders>NaN", "bystanders>Inf", "bystanders<1",
		"worse>1", "invalid>0", "shared:invalid", "nonsense>1", ":bystanders>0", "a:b:hit>0"} {
		var unknown *UnknownError
		if _, err := Parse(text); !errors.As(err, &unknown) || !unknown.Misuse() || !strings.Contains(err.Error(), "error-seconds") {
			t.Errorf("%q: error %v, want one with the list", text, err)
		}
	}
}

// judged is a story's run and result.
func judged(t *testing.T, s *story.Story) (*measure.Run, *measure.Result) {
	t.Helper()
	res, err := measure.Judge(s.Run, s.Records)
	if err != nil {
		t.Fatal(err)
	}
	return s.Run, res
}

func met(t *testing.T, s *story.Story, text string) []string {
	t.Helper()
	c, err := Parse(text)
	if err != nil {
		t.Fatal(err)
	}
	return c.Met(judged(t, s))
}

func TestMet(t *testing.T) {
	// Without new connections: what is asked about here are numbers of outcomes.
	told := func() *story.Story {
		s := story.Told(2)
		s.Records = slices.DeleteFunc(s.Records, func(r load.Record) bool { return r.Flow%2 == 0 })
		s.Run.Flows = slices.DeleteFunc(s.Run.Flows, func(f measure.Flow) bool { return f.ID%2 == 0 })
		for i := range s.Run.Segments {
			seg := &s.Run.Segments[i]
			seg.Predicted = slices.DeleteFunc(seg.Predicted, func(id int) bool { return id%2 == 0 })
		}
		return s
	}
	once := sync.OnceValue(told)
	usual := func() *story.Story { return once() }
	spoiled := func(how func(*story.Story)) func() *story.Story {
		return func() *story.Story {
			s := told()
			how(s)
			return s
		}
	}
	for _, tc := range []struct {
		of   func() *story.Story
		text string
		want []string
	}{
		{usual, "workload:bystanders>0", nil},
		{usual, "bystanders>7", nil},
		{usual, "shared (custody on):bystanders>6", []string{
			"crash, shared (custody on), crash, repeat 1: 7 bystander flows hit, more than 6",
			"crash, shared (custody on), crash, repeat 2: 7 bystander flows hit, more than 6"}},
		{usual, "sidecar:error-seconds>2.7", []string{"crash, sidecar, crash, repeat 2: 2.8 error-seconds, more than 2.7"}},
		{usual, "workload:recovery>0.8", []string{"crash, workload, crash, repeat 2: 0.9 seconds until recovery, more than 0.8"}},
		{usual, "findings>0", nil},
		{usual, "invalid", nil},
		{usual, "worse", nil},
		{spoiled(func(s *story.Story) { s.Run.Lost = 1 }), "invalid", []string{"crash: the record is invalid: 1 records were lost on their way out of the samplers"}},
		{spoiled(func(s *story.Story) {
			s.Run.Segments[0].Checks = []measure.Check{{Name: "plaintext", Tried: 4, Violated: 1}}
		}), "violations>0", []string{"crash, sidecar, null, repeat 1: 1 violations of policy or checks, more than 0"}},
		{spoiled(func(s *story.Story) { s.Run.Segments[3].Predicted = s.Run.Segments[3].Predicted[1:] }), "workload:findings>0",
			[]string{"crash, workload, crash, repeat 1: 1 findings, more than 0"}},
		{spoiled(func(s *story.Story) { s.Run.Segments[5].Skipped = "no cgroups" }), "shared (as ztunnel):hit>0",
			[]string{"crash, shared (as ztunnel), crash, repeat 2: 9 flows hit, more than 0"}},
	} {
		if d := cmp.Diff(tc.want, met(t, tc.of(), tc.text)); d != "" {
			t.Errorf("%s: %s", tc.text, d)
		}
	}
}

// What was not seen to recover is beyond every limit.
func TestRecoveryThatWasNotSeen(t *testing.T) {
	s := story.Told(1)
	seg := s.Run.Segments[1]
	for i := range s.Records {
		if r := &s.Records[i]; r.Flow == 0 && r.Planned >= seg.TFault && r.Planned < seg.TEnd {
			r.Error, r.Peer = "refused", ""
		}
	}
	if got := met(t, s, "recovery>1000"); len(got) != 1 {
		t.Errorf("%v", got)
	}
}

func TestAbsent(t *testing.T) {
	run := story.Told(1).Run
	for text, want := range map[string]bool{"namespace:hit>0": true, "shared:hit>0": false, "shared (as ztunnel):hit>0": false, "hit>0": false} {
		if c, err := Parse(text); err != nil || c.Absent(run) != want {
			t.Errorf("%s: absent %v, %v", text, c.Absent(run), err)
		}
	}
}

// FuzzParse: what is parsed means the same when it is written out again.
func FuzzParse(f *testing.F) {
	for _, text := range []string{"bystanders>0", "shared:worse", "invalid", "a:b>c", "hit>1e3"} {
		f.Add(text)
	}
	f.Fuzz(func(t *testing.T, text string) {
		c, err := Parse(text)
		if err != nil {
			return
		}
		if c.Name != Worse && c.Name != Invalid && !slices.Contains(names(), c.Name) || !(c.Limit >= 0) {
			t.Errorf("%q: %+v", text, c)
		}
	})
}

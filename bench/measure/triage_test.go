package measure

import (
	"os"
	"path/filepath"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/bulkhead-mesh/bulkhead/bench/fault"
	"github.com/bulkhead-mesh/bulkhead/bench/load"
	"github.com/bulkhead-mesh/bulkhead/proxy/triage"
)

func found(kind triage.Kind, name string, class triage.Class, victims ...string) triage.Finding {
	return triage.Finding{Path: triage.Path{Kind: kind, Name: name}, Class: class, Victims: victims, Next: "look at " + name}
}

func lookAt(after time.Duration, all ...triage.Finding) Look {
	return Look{T: tFault + int64(after), Took: 3 * ms, Findings: all}
}

// What counts as named: the culprit's path, in its class, in time.
func TestTriageIsJudgedAgainstTheRecord(t *testing.T) {
	right := found(triage.KindCell, "n1 shared", triage.Crash, "a/x", "c/z", "d/w")
	for name, tc := range map[string]struct {
		looks []Look
		want  Triage
	}{
		"named by the second look": {
			[]Look{lookAt(0), lookAt(second, right), lookAt(2*second, right)},
			Triage{Looks: 3, Named: true, After: second, Commands: 1, Said: []Said{{"cell n1 shared", "crash", true, second}}, Victims: []string{"a/x", "c/z", "d/w"}, Found: 2},
		},
		"the wrong class, then the right one": {
			[]Look{lookAt(second, found(triage.KindCell, "n1 shared", triage.HalfDead, "a/x")), lookAt(2*second, right)},
			Triage{Looks: 2, Named: true, After: 2 * second, Commands: 2, Said: []Said{{"cell n1 shared", "half-dead", false, second}, {"cell n1 shared", "crash", true, 2 * second}}, Victims: []string{"a/x", "c/z", "d/w"}, Found: 2},
		},
		"another node's cell": {
			[]Look{lookAt(second, found(triage.KindCell, "n2 shared", triage.Crash, "c/z", "a/x"))},
			Triage{Looks: 1, Said: []Said{{"cell n2 shared", "crash", false, second}}, Victims: []string{}},
		},
		"a cell of the node that does not serve the culprit": {
			[]Look{lookAt(second, found(triage.KindCell, "n1 namespace/b", triage.Crash, "b/y"))},
			Triage{Looks: 1, Said: []Said{{"cell n1 namespace/b", "crash", false, second}}, Victims: []string{}},
		},
		"its own sidecar": {
			[]Look{lookAt(second, found(triage.KindCell, "sidecar/a/x", triage.Crash, "a/x"))},
			Triage{Looks: 1, Named: true, After: second, Commands: 1, Said: []Said{{"cell sidecar/a/x", "crash", true, second}}, Victims: []string{"a/x"}, Found: 1},
		},
		"nothing was said": {[]Look{lookAt(second)}, Triage{Looks: 1, Said: []Said{}, Victims: []string{}}},
		"looks after the segment do not count": {
			[]Look{lookAt(second), lookAt(time.Hour, right)},
			Triage{Looks: 1, Said: []Said{}, Victims: []string{}},
		},
	} {
		t.Run(name, func(t *testing.T) {
			s := newStory(Crash)
			s.fail(0, 0, hundred, load.Refused) // a/x -> c/z
			tc.want.Subject, tc.want.Kind, tc.want.Scored, tc.want.Took = "shared", Crash, true, 3*ms
			tc.want.Hit = []string{"a/x", "c/z"}
			got := JudgeTriage(s.run, s.judge(t), tc.looks)
			if d := cmp.Diff([]Triage{tc.want}, got); d != "" {
				t.Error(d)
			}
		})
	}
}

// An operator does what each wrong finding proposes, once, before it comes to the right one.
func TestCommandsNeeded(t *testing.T) {
	right := found(triage.KindCell, "n1 shared", triage.Crash, "a/x")
	hang, stale := found(triage.KindCell, "n1 shared", triage.Hang), found(triage.KindControl, "of n1", triage.Stale)
	replaced := found(triage.KindCell, "n2 shared", triage.Replaced)
	replaced.Next = "nothing: it is on purpose"
	for name, tc := range map[string]struct {
		looks []Look
		want  int
	}{
		"at once":                             {[]Look{lookAt(second, right)}, 1},
		"quiet before":                        {[]Look{lookAt(0), lookAt(second), lookAt(2*second, right)}, 1},
		"below another":                       {[]Look{lookAt(second, hang, right)}, 2},
		"above another":                       {[]Look{lookAt(second, right, stale)}, 1},
		"after two others":                    {[]Look{lookAt(second, hang), lookAt(2*second, hang, stale), lookAt(3*second, hang, right)}, 3},
		"what proposes nothing costs none":    {[]Look{lookAt(second, replaced, right)}, 1},
		"what comes later costs none":         {[]Look{lookAt(second, right), lookAt(2*second, hang, right)}, 1},
		"never":                               {[]Look{lookAt(second, hang)}, 0},
		"too late, which is as good as never": {[]Look{lookAt(second, hang), lookAt(NamedWithin+second, right)}, 0},
	} {
		s := newStory(Crash)
		s.run.Segments[0].TEnd = tFault + int64(time.Minute)
		got := JudgeTriage(s.run, s.judge(t), tc.looks)
		if len(got) != 1 || got[0].Looks != len(tc.looks) || got[0].Commands != tc.want {
			t.Errorf("%s: %+v, want %d commands", name, got, tc.want)
		}
	}
}

// Without a fault everything that is said is wrong, and an unknown fault is not scored.
func TestTriageOfNullsAndUnknownFaults(t *testing.T) {
	for _, kind := range []string{Null, "nobody-knows"} {
		s := newStory(kind)
		got := JudgeTriage(s.run, s.judge(t), []Look{lookAt(second, found(triage.KindCell, "n1 shared", triage.Crash, "a/x"))})
		if len(got) != 1 || got[0].Scored || got[0].Named || got[0].Commands != 0 || got[0].Beside() != 1 || got[0].Quiet() {
			t.Errorf("%s: %+v", kind, got)
		}
	}
}

func TestTriageWithoutLooks(t *testing.T) {
	s := newStory(Crash)
	if got := JudgeTriage(s.run, s.judge(t), nil); got != nil {
		t.Errorf("%+v", got)
	}
}

func TestLooksThereAndBack(t *testing.T) {
	dir := t.TempDir()
	if all, err := ReadLooks(dir); err != nil || all != nil {
		t.Fatalf("no file: %v, %v", all, err)
	}
	w := NewLooksWriter(dir)
	want := []Look{lookAt(0), lookAt(second, found(triage.KindLink, "n1 - n2", triage.Lossy, "a/x"))}
	for i, l := range want {
		l.Observation = &triage.Observation{At: time.Unix(int64(i), 0).UTC(), Sources: []triage.Source{{Socket: "/n1"}}}
		if err := w.Write(l); err != nil {
			t.Fatal(err)
		}
	}
	if err := w.Close(); err != nil {
		t.Fatal(err)
	}
	got, err := ReadLooks(dir)
	if d := cmp.Diff(want, got); d != "" || err != nil {
		t.Error(d, err)
	}
	if again, err := DiagnoseAgain(dir, newStory(Crash).run); len(again) != 2 || again[1].T != want[1].T || again[1].Findings != nil || err != nil {
		t.Errorf("diagnosed again: %+v, %v", again, err) // the sockets of the test said nothing that is wrong
	}
	n := 0
	if err := EachLook(filepath.Join(dir, LooksFile), func(l Look) error { n += len(l.Observation.Sources); return nil }); n != 2 || err != nil {
		t.Errorf("%d sources, %v", n, err)
	}
}

func TestLooksThatAreNone(t *testing.T) {
	for name, text := range map[string]string{"no gzip": "{}", "no JSON": "\x1f", "a time before all": ""} {
		dir := t.TempDir()
		b := []byte(text)
		if name == "a time before all" {
			b = zipped(`{"t":-1}` + "\n")
		}
		if err := os.WriteFile(filepath.Join(dir, LooksFile), b, 0o600); err != nil {
			t.Fatal(err)
		}
		if all, err := ReadLooks(dir); err == nil {
			t.Errorf("%s: %v", name, all)
		}
	}
}

// Every drill of the table can be told: its class and kind are words that triage has, and a
// finding of them that leads to the culprit is right.
func TestTruthsAreReachable(t *testing.T) {
	for drill, all := range truths {
		s := newStory(drill)
		for _, f := range all {
			f.Victims = []string{"a/x"}
			switch f.Path.Kind {
			case triage.KindCell:
				f.Path.Name = "n1 shared"
			case triage.KindWorkload, triage.KindApplication, triage.KindPolicy:
				f.Path.Name = "a/x"
			default:
				f.Path.Name = "n1"
			}
			if !s.run.right(f) {
				t.Errorf("%s: %s is not right", drill, f.Says())
			}
			f.Path.Name = "elsewhere"
			if s.run.right(f) && drill != "deny-all" { // everybody is denied
				t.Errorf("%s: %s is right", drill, f.Says())
			}
		}
	}
}

// Nobody adds a fault and says nothing of what an operator should be told in it.
func TestEveryFaultHasATruth(t *testing.T) {
	known := map[string]bool{}
	for _, f := range fault.All() {
		name := f.Name()
		known[name] = true
		if name != Null && (truths[name] == nil) == (operations[name] == nil) {
			t.Errorf("%s is in both truths and operations, or in neither", name)
		}
	}
	for _, all := range []map[string][]triage.Finding{truths, operations} {
		for name := range all {
			if !known[name] {
				t.Errorf("%s is no fault", name)
			}
		}
	}
}

package report

import (
	"strings"
	"testing"
	"time"

	"github.com/bulkhead-mesh/bulkhead/bench/measure"
)

// The section says per row what was named, when, and of whom; and what was said in vain.
func TestTriageSection(t *testing.T) {
	said := func(class string, right bool, at time.Duration) measure.Said {
		return measure.Said{Path: "cell node-1 shared", Class: class, Right: right, First: at}
	}
	d := &Document{
		Run: &measure.Run{Drill: "hang"},
		Result: &measure.Result{
			Rows: []measure.Row{{Subject: "shared"}, {Subject: "workload"}},
			Triage: []measure.Triage{
				{Subject: "shared", Kind: measure.Null},
				{Subject: "shared", Kind: "hang", Scored: true, Named: true, After: 2100 * time.Millisecond, Commands: 3, Hit: []string{"a", "b", "c"}, Victims: []string{"a", "b", "x"}, Found: 2,
					Said: []measure.Said{said("half-dead", false, time.Second), said("hang", true, 2100*time.Millisecond)}},
				{Subject: "shared", Kind: "hang", Scored: true, Repeat: 1, Named: true, After: time.Second, Commands: 1, Hit: []string{"a"}, Victims: []string{"a"}, Found: 1, Said: []measure.Said{said("hang", true, time.Second)}},
				{Subject: "shared", Kind: measure.Undone, Said: []measure.Said{said("hang", false, 0)}},
				{Subject: "workload", Kind: measure.Null, Said: []measure.Said{said("crash", false, time.Second)}},
				{Subject: "workload", Kind: "hang", Scored: true},
				{Subject: "workload", Kind: "hang", Scored: true, Repeat: 1, Hit: []string{"a"}},
			},
		},
	}
	once := &Document{Run: d.Run, Result: &measure.Result{Rows: d.Result.Rows[:1], Triage: d.Result.Triage[2:3]}}
	if rows := once.TriageRows(); len(rows) != 1 || rows[0][3] != "1" {
		t.Errorf("of one repeat: %v", rows)
	}
	want := [][]string{
		{"shared", "2 of 2", "1.0..2.1 s", "1..3", "3 of 4", "1", "1"},
		{"workload", "0 of 1 (1 times nobody was hit and nothing was said)", "-", "-", "-", "-", "0"},
	}
	got := d.TriageRows()
	for i, row := range want {
		if i >= len(got) || strings.Join(row, "|") != strings.Join(got[i], "|") {
			t.Errorf("row %d: %v, want %v", i, got, row)
		}
	}
	nap := &Document{Run: &measure.Run{Drill: "nap"}, Result: &measure.Result{Rows: d.Result.Rows[:1], Triage: []measure.Triage{{Subject: "shared", Kind: "nap", Hit: []string{"a"}}}}}
	if rows := nap.TriageRows(); len(rows) != 1 || rows[0][1] != "not scored" {
		t.Errorf("a fault of which nobody says what is right: %v", rows)
	}
	if got, want := d.FalseAlarms(), "1 of 2 null segments (workload: cell node-1 shared: crash)"; got != want {
		t.Errorf("%q, want %q", got, want)
	}
	text := d.TriageText()
	for _, want := range []string{"cell node-1 shared: half-dead (+1.0 s); cell node-1 shared: hang (+2.1 s, right)", "false alarms: 1 of 2"} {
		if !strings.Contains(text, want) {
			t.Errorf("no %q in\n%s", want, text)
		}
	}
	if text := (&Document{Run: d.Run, Result: &measure.Result{}}).TriageText(); text != "" {
		t.Errorf("nobody watched: %q", text)
	}
}

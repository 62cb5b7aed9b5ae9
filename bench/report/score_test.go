package report

import (
	"strings"
	"testing"
	"time"

	"github.com/bulkhead-mesh/bulkhead/bench/measure"
)

// A score says what was named and when, and every miss with what was said instead.
func TestScoreText(t *testing.T) {
	s := measure.NewScore()
	s.Groups[0] = measure.Group{Name: "node proxies", Named: 9, Of: 10, After: []time.Duration{time.Second, 2 * time.Second, 4 * time.Second}, Commands: []int{1, 1, 3}, Hit: 8, Found: 7, Vain: 1}
	s.Misses = []measure.Miss{{Drill: "fd-leak", Subject: "shared", Hit: []string{"a/x"}, Said: []measure.Said{{Path: "cell n1 shared", Class: "hang", First: time.Second}}}}
	s.Nulls = measure.Silence{Segments: 20, Spoke: []measure.Miss{{Drill: "crash", Subject: "workload"}}}
	s.Operations.Segments, s.Quiet, s.Invalid = 1, 2, []string{"hang"}
	text := ScoreText(s)
	for _, want := range []string{
		"all               9 of 10 (90 %)    2.0 s     4.0 s   1 in 2 of 3, at most 3", "node proxies", "7 of 8",
		"false alarms: in 1 of 20 null segments, and in 0 of 1 operation in which nothing of the mesh is wrong",
		"missed: fd-leak, shared (1 workload hit): cell n1 shared: hang (+1.0 s)",
		"false alarm in a null: crash, workload (0 workloads hit): nothing was said",
		"not counted: 2 segments", "not counted, the record is invalid: hang",
	} {
		if !strings.Contains(text, want) {
			t.Errorf("no %q in\n%s", want, text)
		}
	}
	s.Groups[0].Commands = []int{1, 1}
	if text := ScoreText(s); !strings.Contains(text, "4.0 s       1 in 2 of 2 ") {
		t.Errorf("always the same:\n%s", text)
	}
	if strings.Contains(text, "sidecars") {
		t.Errorf("sidecars, of which there was none:\n%s", text)
	}
}

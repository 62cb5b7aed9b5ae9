package web

import (
	"testing"

	"github.com/bulkhead-mesh/bulkhead/bench/report"
	"github.com/bulkhead-mesh/bulkhead/bench/report/story"
)

// What shares most is compared with what shares less, whatever is cheapest.
func TestAnswerIsAboutSharing(t *testing.T) {
	one, two := read(t, story.Told(1)).Document, read(t, called(story.Told(1), "hang")).Document
	for want, docs := range map[string][]*report.Document{
		"Bystander flows hit: 14 with shared (custody on), 0 with sidecar, 0 with workload.":                      {one},
		"Drills that hit bystanders: 2 of 2 with shared (custody on), 0 of 2 with sidecar, 0 of 2 with workload.": {one, two},
	} {
		want = "shared (custody on) needs 58 MiB, sidecar 93, workload 128. " + want
		if got := answer(report.NewMatrix(docs)); got != want {
			t.Errorf("%q, want %q", got, want)
		}
	}
	for i := range one.Run.Subjects {
		if s := &one.Run.Subjects[i]; s.Isolation == "workload" {
			s.Transport = "quic"
		}
	}
	want := "shared (custody on) needs 58 MiB, sidecar 93. Bystander flows hit: 14 with shared (custody on), 0 with sidecar."
	if got := answer(report.NewMatrix([]*report.Document{one})); got != want {
		t.Errorf("%q, want %q", got, want)
	}
}

package attack

import (
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/bulkhead-mesh/bulkhead/bench/trust"
)

// Attempts are summed up by kind; one that was cut short counts for nothing.
func TestCount(t *testing.T) {
	a := func(kind, outcome, errno string, control bool) trust.Attempt {
		return trust.Attempt{Kind: kind, Outcome: outcome, Errno: errno, Control: control}
	}
	got := Count([]trust.Attempt{
		a("truth", trust.Succeeded, "", true), a("lie", trust.Refused, "alert", false), a("truth", trust.Refused, "late", true),
		a("lie", trust.Succeeded, "", false), a("lie", trust.Killed, "", false),
	})
	want := []Tally{{Kind: "truth", Control: true, Tried: 2, Succeeded: 1, Error: "late"}, {Kind: "lie", Tried: 2, Succeeded: 1, Error: "alert"}}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Error(diff)
	}
}

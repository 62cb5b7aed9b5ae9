package report

import (
	"fmt"

	"github.com/bulkhead-mesh/bulkhead/bench/measure"
)

// denied says what became of the connections that a policy forbids, in every segment
// of each row and not only after the fault.
func (d *Document) denied() []string {
	var lines []string
	for _, s := range d.Result.Seen {
		if s.What == measure.SeenDenied {
			lines = append(lines, fmt.Sprintf("  %-*s  admitted: %s%s", d.labels(), s.Subject, s, d.enforced(s)))
		}
	}
	if len(lines) == 0 {
		return nil
	}
	return append([]string{"connections that a policy denies"}, lines...)
}

// enforced is what to add to something that must not happen and did.
func (d *Document) enforced(s measure.Seen) string {
	for _, sub := range d.Run.Subjects {
		if sub.Name == s.Subject && sub.Isolation == "none" {
			return ": nobody enforces the policy"
		}
	}
	if s.Times > 0 {
		return ": VIOLATED"
	}
	return ""
}

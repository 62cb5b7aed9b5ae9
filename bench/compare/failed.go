package compare

import (
	"fmt"

	"github.com/bulkhead-mesh/bulkhead/bench/condition"
)

// Met says how the comparison meets a condition: worse is about both runs, everything else
// about B.
func (c *Comparison) Met(cond condition.Condition) (sentences []string) {
	if cond.Name != condition.Worse {
		return Met(c.After, cond)
	}
	for _, d := range c.Drills {
		for _, s := range d.Subjects {
			if !cond.Concerns(s.Name, s.Isolation) {
				continue
			}
			where := fmt.Sprintf("%s, %s: worse: ", d.Name, s.Name)
			if s.Flows.Verdict == Worse {
				sentences = append(sentences, where+s.Flows.line())
			}
			for _, change := range s.Changes {
				if change.Verdict == Worse {
					sentences = append(sentences, where+change.line())
				}
			}
		}
	}
	return sentences
}

// Met says how records meet a condition.
func Met(all []Record, cond condition.Condition) (sentences []string) {
	for _, r := range all {
		sentences = append(sentences, cond.Met(r.Run, r.Result)...)
	}
	return sentences
}

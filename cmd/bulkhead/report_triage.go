package main

import (
	"encoding/json"
	"errors"

	"github.com/bulkhead-mesh/bulkhead/bench/measure"
	"github.com/bulkhead-mesh/bulkhead/bench/report"
)

// triage is how an operator's tool did in the drills, as it said it then.
func (r *reports) triage(asJSON bool) ([]byte, error) {
	s, watched := measure.NewScore(), false
	for _, d := range r.web.Drills {
		watched = watched || len(d.Document.Result.Triage) > 0
		s.Add(d.Document.Run, d.Document.Result)
	}
	if !watched {
		return nil, usageError{errors.New("--triage: nobody watched these drills, or they are older than that")}
	}
	if asJSON {
		b, err := json.MarshalIndent(s, "", "  ")
		return append(b, '\n'), err
	}
	return []byte(report.ScoreText(s)), nil
}

package main

import (
	"errors"
	"fmt"
	"io"
	"io/fs"
	"path/filepath"

	"github.com/bulkhead-mesh/bulkhead/bench/measure"
	"github.com/bulkhead-mesh/bulkhead/proxy/triage"
)

// again diagnoses the observations of a record with the rules of this build.
func (f *triageFlags) again(out io.Writer) error {
	w := triage.NewWatch()
	var known []triage.Finding
	err := measure.EachLook(f.replay, func(l measure.Look) error {
		if l.Observation == nil {
			return errors.New("it has findings and no observations")
		}
		w.Add(*l.Observation)
		known = f.changes(out, l.Observation.At, known, triage.Diagnose(w.Window()))
		return nil
	})
	if errors.Is(err, fs.ErrNotExist) {
		return usageError{fmt.Errorf("--replay: %w (a drill's record has it as %s)", err, filepath.Join("out", "RUN", measure.LooksFile))}
	}
	if err != nil {
		return fmt.Errorf("%s: %w", f.replay, err)
	}
	return nil
}

package main

import (
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"

	"github.com/bulkhead-mesh/bulkhead/bench/measure"
	"github.com/bulkhead-mesh/bulkhead/bench/report"
	"github.com/bulkhead-mesh/bulkhead/bench/suite"
)

// again diagnoses what a record holds with the rules of this build, and scores it.
func (f *triageFlags) again(out io.Writer) error {
	dirs := []string{f.replay}
	if suite.In(f.replay) {
		s, err := suite.Read(f.replay)
		if err != nil {
			return err
		}
		dirs = nil
		for _, e := range s.Entries {
			dirs = append(dirs, filepath.Join(f.replay, e.Dir))
		}
	}
	scored, total := 0, measure.NewScore()
	for _, dir := range dirs {
		if _, err := os.Stat(filepath.Join(dir, measure.LooksFile)); errors.Is(err, os.ErrNotExist) {
			continue // of a suite some have none; a drill without is said below
		}
		d, err := report.Read(dir)
		if err != nil {
			return err
		}
		looks, err := measure.DiagnoseAgain(dir, d.Run)
		if err != nil {
			return fmt.Errorf("%s: %w", filepath.Join(dir, measure.LooksFile), err)
		}
		d.Result.Triage = measure.JudgeTriage(d.Run, d.Result, looks)
		if f.asJSON {
			if err := printJSON(out, d.Result.Triage); err != nil {
				return err
			}
		} else if text := d.TriageText(); text != "" {
			fmt.Fprintf(out, "%s\n%s\n\n", d.Title(), text)
		}
		total.Add(d.Run, d.Result)
		scored++
	}
	if scored > 1 && !f.asJSON {
		fmt.Fprint(out, report.ScoreText(total))
	}
	if scored == 0 {
		return usageError{fmt.Errorf("--replay: there is no %s below %s: nobody watched that drill, or it is older than this", measure.LooksFile, f.replay)}
	}
	return nil
}

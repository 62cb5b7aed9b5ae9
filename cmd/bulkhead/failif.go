package main

import (
	"errors"
	"fmt"
	"slices"
	"strings"

	"github.com/spf13/cobra"

	"github.com/bulkhead-mesh/bulkhead/bench/compare"
	"github.com/bulkhead-mesh/bulkhead/bench/condition"
	"github.com/bulkhead-mesh/bulkhead/bench/experiment"
	"github.com/bulkhead-mesh/bulkhead/bench/schedule"
)

// failIf is the flag --fail-if: conditions for the caller's CI.
type failIf struct{ texts []string }

func (f *failIf) add(c *cobra.Command, example string) {
	c.Flags().StringSliceVar(&f.texts, "fail-if", nil,
		"exit with 1 and say why when a condition is met, such as "+example+"; several by commas (docs/compare.md lists them)")
}

// parse checks them before anything is done. Only a comparison can say worse.
func (f *failIf) parse(comparing bool) ([]condition.Condition, error) {
	all, err := condition.ParseAll(f.texts)
	if err != nil {
		return nil, err
	}
	for _, c := range all {
		if c.Name == condition.Worse && !comparing {
			return nil, usageError{errors.New("--fail-if worse is about two runs: use it with bulkhead compare")}
		}
	}
	return all, nil
}

// meant checks conditions against what is to be run: one about an isolation, or a row of one, that
// is not would be a mistake, and is better said before a drill than after it.
func (f *failIf) meant(all []experiment.Experiment) error {
	conditions, err := f.parse(false)
	if err != nil {
		return err
	}
	var names []string
	for _, e := range all {
		if e.Method.Fault == experiment.KeyTheft {
			continue // its record has no requests
		}
		p, err := schedule.Params(e, schedule.Who{})
		if err != nil {
			return err
		}
		for _, s := range p.Subjects {
			names = append(names, s.Isolation, s.Name)
		}
	}
	slices.Sort(names)
	names = slices.Compact(names)
	for _, c := range conditions {
		if c.Isolation != "" && !slices.Contains(names, c.Isolation) {
			return usageError{fmt.Errorf("--fail-if: %q is no isolation of this run: use %s", c.Isolation, strings.Join(names, ", "))}
		}
	}
	return nil
}

// none refuses the flag where there is nothing to judge.
func (f *failIf) none(of string) error {
	if len(f.texts) > 0 {
		return usageError{fmt.Errorf("--fail-if judges requests, and a record %s has none", of)}
	}
	return nil
}

// judge fails when the records in dir meet a condition.
func (f *failIf) judge(dir string) error {
	conditions, err := f.parse(false)
	if err != nil || len(conditions) == 0 {
		return err
	}
	records, err := compare.Records(dir)
	if err != nil {
		return err
	}
	return met(conditions, records, func(c condition.Condition) []string { return compare.Met(records, c) })
}

// met is an error that says which conditions are met. One about an isolation that no
// record has is a mistake: it could never be met, and would look as if all were well.
func met(conditions []condition.Condition, records []compare.Record, by func(condition.Condition) []string) error {
	var sentences []string
	for _, c := range conditions {
		absent := true
		for _, r := range records {
			absent = absent && c.Absent(r.Run)
		}
		if absent {
			return usageError{fmt.Errorf("--fail-if: no record has the isolation %q", c.Isolation)}
		}
		sentences = append(sentences, by(c)...)
	}
	if len(sentences) == 0 {
		return nil
	}
	return fmt.Errorf("failed, as --fail-if asks:\n  %s", strings.Join(sentences, "\n  "))
}

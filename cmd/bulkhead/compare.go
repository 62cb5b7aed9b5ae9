package main

import (
	"errors"
	"path/filepath"

	"github.com/spf13/cobra"

	"github.com/bulkhead-mesh/bulkhead/bench/compare"
)

// newCompareCommand makes `bulkhead compare`.
func newCompareCommand() *cobra.Command {
	var f failIf
	var asJSON bool
	c := &cobra.Command{
		Use:   "compare RUN_A RUN_B",
		Short: "Say what changed between two runs of the same drills, and whether it is more than noise",
		Long: `Compare two runs of the same drills, such as those of two versions. Both are directories with a record, or with one
below them for each drill. For each subject it says which figures are worse or better (the 95 % bootstrap interval of the
difference of medians does not hold zero), which differ within noise, and of which it cannot tell: fewer than four
repeats in each run show no difference but that of the flows that fail.

  bulkhead compare out/BEFORE out/AFTER
  bulkhead compare out/BEFORE out/AFTER --fail-if worse,invalid

Runs of other drills, culprits, loads or topologies are not compared. docs/compare.md says what the words mean.`,
		Args: func(_ *cobra.Command, args []string) error {
			if len(args) != 2 {
				return usageError{errors.New("compare wants two directories, such as: bulkhead compare out/BEFORE out/AFTER")}
			}
			return nil
		},
		RunE: func(c *cobra.Command, args []string) error {
			return runCompare(c, filepath.Clean(args[0]), filepath.Clean(args[1]), &f, asJSON)
		},
	}
	c.Flags().BoolVar(&asJSON, "json", false, "print JSON instead of the table")
	f.add(c, "worse or workload:bystanders>0 (of RUN_B)")
	return c
}

func runCompare(c *cobra.Command, a, b string, f *failIf, asJSON bool) error {
	conditions, err := f.parse(true)
	if err != nil {
		return err
	}
	found, err := compare.Of(a, b)
	if err != nil {
		return err
	}
	text := []byte(found.Table())
	if asJSON {
		if text, err = found.JSON(); err != nil {
			return err
		}
	}
	if _, err := c.OutOrStdout().Write(text); err != nil {
		return err
	}
	return met(conditions, found.After, found.Met)
}

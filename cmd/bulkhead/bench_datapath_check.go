package main

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"

	"github.com/spf13/cobra"

	"github.com/bulkhead-mesh/bulkhead/bench/datapath/verdict"
)

// Names of the two builds of a check, as subjects of its run.
const (
	checkBefore = "before"
	checkAfter  = "after"
)

func datapathArgs(check bool, args []string) error {
	switch {
	case check && len(args) != 2:
		return usageError{errors.New("--check wants two records or two directories with executables, such as: bulkhead bench datapath --check out/OLD out/NEW")}
	case !check && len(args) > 0:
		return usageError{fmt.Errorf("%q is one argument too many: only --check has some", args[0])}
	}
	return nil
}

// checkDatapath fails when a row of the new build is worse than noise.
func checkDatapath(c *cobra.Command, f *datapathFlags, out, before, after string, asJSON bool) error {
	found, err := comparedDatapath(c, f, out, before, after)
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
	if worse := found.Worse(); len(worse) > 0 {
		return fmt.Errorf("worse than noise:\n  %s", strings.Join(worse, "\n  "))
	}
	return nil
}

func comparedDatapath(c *cobra.Command, f *datapathFlags, out, before, after string) (*verdict.Comparison, error) {
	switch {
	case verdict.In(before) && verdict.In(after):
		old, err := verdict.Open(before)
		if err != nil {
			return nil, err
		}
		fresh, err := verdict.Open(after)
		if err != nil {
			return nil, err
		}
		return verdict.Check(old, fresh)
	case hasCell(before) && hasCell(after):
		return measuredBuilds(c, f, out, before, after)
	}
	for _, dir := range []string{before, after} {
		if !verdict.In(dir) && !hasCell(dir) {
			return nil, usageError{fmt.Errorf("%s has neither %s, which a record has, nor bulkhead-cell, which a build has", dir, verdict.File)}
		}
	}
	return nil, usageError{fmt.Errorf("of %s and %s one is a record and the other a build: compare two of a kind", before, after)}
}

func hasCell(dir string) bool {
	_, err := os.Stat(filepath.Join(dir, "bulkhead-cell"))
	return err == nil
}

// measuredBuilds runs both in turns: what slows the machine for a while slows both.
func measuredBuilds(c *cobra.Command, f *datapathFlags, out, before, after string) (*verdict.Comparison, error) {
	if len(f.p.Subjects) > 0 || len(f.builds) > 0 {
		return nil, usageError{errors.New("--check measures the two builds and nothing else: leave out --subject and --bin")}
	}
	f.builds = []string{checkBefore + "=" + before, checkAfter + "=" + after}
	f.p.Subjects = []string{checkBefore, checkAfter}
	dir, err := measureDatapath(c, f, out)
	if err != nil {
		return nil, err
	}
	doc, err := verdict.Open(dir)
	if err != nil {
		return nil, err
	}
	fmt.Fprintln(c.ErrOrStderr(), "bulkhead: record:", dir)
	return verdict.CheckBuilds(doc, checkBefore, checkAfter)
}

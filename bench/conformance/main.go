package main

import (
	"context"
	"flag"
	"fmt"
	"io"
	"maps"
	"os"
	"os/signal"
	"slices"
	"strings"
	"syscall"
)

const page = "docs/conformance.md"

func main() {
	flags := flag.NewFlagSet("conformance", flag.ContinueOnError)
	fresh := flags.Bool("new", false, "run only the tests that the table has no result of")
	idle := flags.Bool("no-run", false, "run nothing: tests that the table has no result of are \"not run\"")
	if flags.Parse(os.Args[1:]) != nil || flags.NArg() > 0 {
		os.Exit(2)
	}
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	if err := write(ctx, *fresh, *idle, os.Stderr); err != nil {
		fmt.Fprintln(os.Stderr, "conformance:", err)
		os.Exit(1)
	}
}

// write runs what is to be run and writes the page, also when tests failed: that is what it is for.
func write(ctx context.Context, fresh, idle bool, progress io.Writer) error {
	if _, err := os.Stat("go.mod"); err != nil {
		return fmt.Errorf("run it at the root of the module: %w", err)
	}
	groups, err := parse(known)
	if err != nil {
		return err
	}
	all, err := marks(os.DirFS("."))
	if err != nil {
		return err
	}
	results := map[test]result{}
	if fresh || idle {
		old, err := os.ReadFile(page)
		if err != nil {
			return err
		}
		results = resultsIn(string(old))
	}
	if !idle {
		ran, err := run(ctx, without(all, results), progress)
		if err != nil {
			return err
		}
		maps.Copy(results, ran)
	}
	if err := os.WriteFile(page, []byte(render(groups, all, results)), 0o644); err != nil {
		return err
	}
	return failures(all, results)
}

// without lists the tests of the marks that have no result yet, each once.
func without(all []mark, results map[test]result) []test {
	var tests []test
	for _, m := range all {
		if results[m.test].ended == "" && !slices.Contains(tests, m.test) {
			tests = append(tests, m.test)
		}
	}
	return tests
}

func failures(all []mark, results map[test]result) error {
	var failed []string
	for _, m := range all {
		if name := m.test.dir + " " + m.test.name; results[m.test].ended == "fail" && !slices.Contains(failed, name) {
			failed = append(failed, name)
		}
	}
	if len(failed) > 0 {
		return fmt.Errorf("%d tests failed: %s", len(failed), strings.Join(failed, ", "))
	}
	return nil
}

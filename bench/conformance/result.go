package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"slices"
	"strings"
	"syscall"
	"time"
)

// notRun stands for a result that there is none of.
const notRun = "not run"

// result is how a test ended, and over which transports it ran.
type result struct {
	ended string // "pass", "fail" or "skip"
	over  string // "http2", "quic" or both, with a comma; empty: no transport is told apart
}

// transports are names of subtests: what is in one of them ran over it. A transport's own package runs over nothing else.
var transports = []struct{ name, dir string }{{"http2", "proxy/h2"}, {"quic", "proxy/h3"}}

// event is what go test -json says; see cmd/test2json.
type event struct {
	Action  string
	Test    string
	Output  string
	Elapsed float64
}

// run runs the tests, package by package.
func run(ctx context.Context, tests []test, progress io.Writer) (map[test]result, error) {
	results := map[test]result{}
	for _, dir := range dirsOf(tests) {
		var names []string
		for _, t := range tests {
			if t.dir == dir {
				names = append(names, t.name)
			}
		}
		began := time.Now()
		fmt.Fprintf(progress, "%s: %d tests … ", dir, len(names))
		if err := runPackage(ctx, dir, names, results); err != nil {
			fmt.Fprintln(progress)
			return nil, fmt.Errorf("%s: %w", dir, err)
		}
		fmt.Fprintf(progress, "%.1f s\n", time.Since(began).Seconds())
	}
	return results, nil
}

func dirsOf(tests []test) []string {
	var dirs []string
	for _, t := range tests {
		dirs = append(dirs, t.dir)
	}
	slices.Sort(dirs)
	return slices.Compact(dirs)
}

func runPackage(ctx context.Context, dir string, names []string, results map[test]result) error {
	c := exec.CommandContext(ctx, "go", "test", "-json", "-count=1", "-timeout=15m", "-run", "^("+strings.Join(names, "|")+")$", "./"+dir)
	// An interrupt, not a kill: tests that have processes of their own end them.
	c.Cancel = func() error { return c.Process.Signal(syscall.SIGINT) }
	c.WaitDelay = 10 * time.Second
	c.Stderr = os.Stderr
	out, err := c.StdoutPipe()
	if err != nil {
		return err
	}
	if err := c.Start(); err != nil {
		return err
	}
	said, read := readEvents(out, dir, results)
	// A failed test is a result and no error; that nothing could be built is one.
	ended := c.Wait()
	for _, name := range names {
		if results[test{dir, name}].ended == "" {
			return fmt.Errorf("%s has no result: %w\n%s", name, first(ctx.Err(), read, ended), said)
		}
	}
	return read
}

func first(errs ...error) error {
	for _, err := range errs {
		if err != nil {
			return err
		}
	}
	return errors.New("go test did not run it")
}

// readEvents returns what was said beside the tests: the reason when nothing ran.
func readEvents(r io.Reader, dir string, results map[test]result) (string, error) {
	var said strings.Builder
	passed := map[string][]string{} // the names of a test's subtests
	for d := json.NewDecoder(r); ; {
		var e event
		if err := d.Decode(&e); errors.Is(err, io.EOF) {
			return said.String(), nil
		} else if err != nil {
			return said.String(), err
		}
		switch {
		case e.Action == "output" && e.Test == "":
			said.WriteString(e.Output)
		case e.Action == "build-output":
			said.WriteString(e.Output)
		case e.Test != "" && (e.Action == "pass" || e.Action == "fail" || e.Action == "skip"):
			name, within, isSub := strings.Cut(e.Test, "/")
			switch {
			case !isSub:
				results[test{dir, name}] = result{e.Action, overOf(dir, passed[name])}
			case e.Action == "pass":
				passed[name] = append(passed[name], strings.Split(within, "/")...)
			}
		}
	}
}

// overOf picks the transports among the names of subtests.
func overOf(dir string, names []string) string {
	var over []string
	for _, t := range transports {
		if t.dir == dir || slices.Contains(names, t.name) {
			over = append(over, t.name)
		}
	}
	return strings.Join(over, ", ")
}

package main

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"testing"

	"golang.org/x/sys/unix"

	"github.com/bulkhead-mesh/bulkhead/bench/lab"
	"github.com/bulkhead-mesh/bulkhead/proxy/control"
)

func TestExitCode(t *testing.T) {
	wrap := func(err error) error { return fmt.Errorf("stage: %w", err) }
	for _, c := range []struct {
		name   string
		begun  bool
		err    error
		caught any
		want   int
	}{
		{"fine", true, nil, nil, 0},
		{"failure", true, wrap(errors.New("x")), nil, 1},
		{"refused by cobra", false, errors.New("unknown flag"), nil, 2},
		{"usage", true, wrap(usageError{errors.New("x")}), nil, 2},
		{"misuse of the lab", true, wrap(&lab.Misuse{Sentence: "x"}), nil, 2},
		{"joined with another", true, errors.Join(errors.New("y"), &lab.Misuse{Sentence: "x"}), nil, 2},
		{"bad config", true, wrap(&control.ConfigError{Err: errors.New("x")}), nil, 2},
		{"port in use", true, wrap(unix.EADDRINUSE), nil, 2},
		{"a process that said why", true, wrap(&lab.ExitError{Code: 7}), nil, 7},
		{"Ctrl-C", true, context.Canceled, unix.SIGINT, 130},
		{"Ctrl-C, clean", true, nil, unix.SIGINT, 130},
		{"SIGTERM, clean", true, nil, unix.SIGTERM, 0},
		{"SIGTERM", true, errors.New("x"), unix.SIGTERM, 1},
	} {
		if got := (&tool{begun: c.begun}).exitCode(c.err, c.caught); got != c.want {
			t.Errorf("%s: %d, want %d", c.name, got, c.want)
		}
	}
}

// TestEveryCommandSaysWhatItIsFor, and none is ambiguous about its arguments.
func TestEveryCommandSaysWhatItIsFor(t *testing.T) {
	all := (&tool{}).newRoot().Commands()
	for len(all) > 0 {
		c := all[0]
		all = append(all[1:], c.Commands()...)
		if c.Name() == "help" || c.Name() == "completion" {
			continue
		}
		if c.Short == "" && !c.Hidden && !c.Parent().Hidden {
			t.Errorf("%s: no short description", c.CommandPath())
		}
		if c.Args == nil && !c.DisableFlagParsing {
			t.Errorf("%s: takes any arguments", c.CommandPath())
		}
	}
}

// TestWrongArgumentsAreToldTheRightOnes: how many there were helps nobody.
func TestWrongArgumentsAreToldTheRightOnes(t *testing.T) {
	for want, args := range map[string][]string{
		"bulkhead drain NODE|CELL|WORKLOAD": {"drain"},
		"bulkhead lab exec POD -- COMMAND":  {"lab", "exec", "a/web"},
		"bulkhead lab up":                   {"lab", "up", "now"},
	} {
		c := &tool{}
		root := c.newRoot()
		root.SetArgs(args)
		if err := root.Execute(); err == nil || c.begun || !strings.Contains(err.Error(), want) {
			t.Errorf("%v: %v, want one with %q", args, err, want)
		}
	}
}

func TestJoined(t *testing.T) {
	ended, cancel := context.WithCancel(t.Context())
	cancel()
	down := errors.New("left behind")
	for _, c := range []struct {
		name     string
		ctx      context.Context
		err, way error
		want     string
	}{
		{"fine", t.Context(), nil, nil, ""},
		{"Ctrl-C", ended, fmt.Errorf("place: %w", context.Canceled), nil, ""},
		{"Ctrl-C, and more", ended, context.Canceled, down, "left behind"},
		{"failure", t.Context(), errors.New("x"), nil, "x"},
		{"a cancel that nobody asked for", t.Context(), context.Canceled, nil, "context canceled"},
	} {
		got := ""
		if err := joined(c.ctx, c.err, c.way); err != nil {
			got = err.Error()
		}
		if got != c.want {
			t.Errorf("%s: %q, want %q", c.name, got, c.want)
		}
	}
}

package main

import (
	"context"
	"fmt"
	"io"
	"slices"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"github.com/bulkhead-mesh/bulkhead/proxy/triage"
)

const triageLong = `Say what is wrong with the mesh, from the admin sockets of its nodes and sidecars alone: the path that fails (cell,
node, link, keeper, application, …), how it fails, the workloads that suffer, the evidence in numbers, and the next
command to type. The sockets are asked twice, --since apart; what rose in between is what counts.

  bulkhead triage                                  # in the running lab
  bulkhead triage --admin /run/bulkhead --since 5s # every socket in that directory
  bulkhead triage --watch                          # until Ctrl-C: each finding when it appears, and when it is over
  bulkhead triage --replay out/RUN                 # what the sockets said during a drill, diagnosed again and scored

Exit code 0: nothing is wrong as far as that shows; 1: something is. docs/triage.md says what each finding means.`

// triageFlags are those of the command.
type triageFlags struct {
	nodes
	since  time.Duration
	watch  bool
	replay string
}

// Bounds of --since: shorter than a ping's interval tells nothing.
const (
	leastSince = 500 * time.Millisecond
	mostSince  = 5 * time.Minute
)

func newTriageCommand() *cobra.Command {
	f := triageFlags{nodes: nodes{sidecars: true}}
	c := &cobra.Command{
		Use:   "triage",
		Short: "Say what is wrong, who suffers, and what to type next",
		Long:  triageLong,
		Args:  cobra.NoArgs,
		RunE: func(c *cobra.Command, _ []string) error {
			if f.since < leastSince || f.since > mostSince {
				return usageError{fmt.Errorf("--since %v: use %v to %v", f.since, leastSince, mostSince)}
			}
			if f.replay != "" {
				return f.again(c.OutOrStdout())
			}
			sockets, err := f.sockets()
			if err != nil {
				return err
			}
			if f.watch {
				return f.watching(c.Context(), c.OutOrStdout(), sockets)
			}
			return f.twice(c.Context(), c.OutOrStdout(), c.ErrOrStderr(), sockets)
		},
	}
	f.flags(c)
	c.Flags().DurationVar(&f.since, "since", 3*time.Second, "time between the two looks; with --watch between any two")
	c.Flags().BoolVar(&f.watch, "watch", false, "look again and again, and print what is new")
	c.Flags().StringVar(&f.replay, "replay", "", "diagnose what the record of a drill or suite in this directory holds, and ask nobody")
	return c
}

// wrongError has the command exit with 1; what is wrong is printed already.
type wrongError struct{ findings int }

func (e wrongError) Error() string {
	if e.findings == 1 {
		return "1 finding"
	}
	return fmt.Sprintf("%d findings", e.findings)
}

// twice looks, waits and looks again.
func (f *triageFlags) twice(ctx context.Context, out, progress io.Writer, sockets []string) error {
	w := triage.NewWatch(sockets...)
	w.Look(ctx)
	fmt.Fprintf(progress, "asked %d sockets, and again in %v\n", len(sockets), f.since)
	if err := pause(ctx, f.since); err != nil {
		return err
	}
	found := w.Look(ctx)
	if err := ctx.Err(); err != nil {
		return err
	}
	if err := f.print(out, found); err != nil {
		return err
	}
	if len(found) > 0 {
		return wrongError{len(found)}
	}
	return nil
}

func pause(ctx context.Context, d time.Duration) error {
	t := time.NewTimer(d)
	defer t.Stop()
	select {
	case <-t.C:
		return nil
	case <-ctx.Done():
		return ctx.Err()
	}
}

func (f *triageFlags) print(out io.Writer, found []triage.Finding) error {
	if f.asJSON {
		if found == nil {
			found = []triage.Finding{}
		}
		return printJSON(out, found)
	}
	if len(found) == 0 {
		_, err := fmt.Fprintln(out, "nothing is wrong, as far as the admin sockets show")
		return err
	}
	for i, x := range found {
		if i > 0 {
			fmt.Fprintln(out)
		}
		writeFinding(out, x)
	}
	return nil
}

func writeFinding(out io.Writer, f triage.Finding) {
	fmt.Fprintf(out, "%s: %s, since %s\n", strings.ToUpper(string(f.Class)), f.Path, f.Since.Format("15:04:05"))
	for _, e := range f.Evidence {
		fmt.Fprintf(out, "  because  %s\n", e)
	}
	if len(f.Victims) > 0 {
		fmt.Fprintf(out, "  suffers  %s\n", strings.Join(f.Victims, ", "))
	}
	fmt.Fprintf(out, "  next     %s\n", f.Next)
}

// watching looks until ctx ends, which is its usual end.
func (f *triageFlags) watching(ctx context.Context, out io.Writer, sockets []string) error {
	w := triage.NewWatch(sockets...)
	var known []triage.Finding
	for {
		found := w.Look(ctx)
		if ctx.Err() != nil {
			return nil
		}
		known = f.changes(out, time.Now(), known, found)
		if pause(ctx, f.since) != nil {
			return nil
		}
	}
}

// changes prints what is new and what is over, and returns what is known now.
func (f *triageFlags) changes(out io.Writer, now time.Time, known, found []triage.Finding) []triage.Finding {
	has := func(all []triage.Finding, x triage.Finding) bool {
		return slices.ContainsFunc(all, func(y triage.Finding) bool { return y.Path == x.Path && y.Class == x.Class })
	}
	for _, x := range found {
		switch {
		case has(known, x):
		case f.asJSON:
			_ = printJSON(out, x) // a reader that has gone ends the watch by a signal
		default:
			writeFinding(out, x)
		}
	}
	for _, x := range known {
		if !has(found, x) && !f.asJSON {
			fmt.Fprintf(out, "%s: no more: %s: %s\n", now.Format("15:04:05"), x.Path, x.Class)
		}
	}
	return found
}

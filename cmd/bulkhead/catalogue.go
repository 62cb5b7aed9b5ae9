package main

import (
	"fmt"
	"io"
	"strings"
	"text/tabwriter"
	"time"

	"github.com/spf13/cobra"

	"github.com/bulkhead-mesh/bulkhead/bench/experiment"
	"github.com/bulkhead-mesh/bulkhead/bench/fault"
	"github.com/bulkhead-mesh/bulkhead/bench/schedule"
	"github.com/bulkhead-mesh/bulkhead/bench/theft"
)

func newDrillListCommand() *cobra.Command {
	return &cobra.Command{
		Use: "list", Short: "List the catalogue: what a drill can break", Args: cobra.NoArgs,
		RunE: func(c *cobra.Command, _ []string) error { return listCatalogue(c.OutOrStdout()) },
	}
}

func listCatalogue(out io.Writer) error {
	for i, group := range fault.Groups {
		if i > 0 {
			fmt.Fprintln(out)
		}
		fmt.Fprintln(out, group)
		table := tabwriter.NewWriter(out, 0, 0, 2, ' ', 0)
		for _, name := range schedule.Names() {
			if a := schedule.Catalogued(name); a.Group == group {
				fmt.Fprintf(table, "  %s\t%s\n", name, a.Does)
			}
		}
		if err := table.Flush(); err != nil {
			return err
		}
	}
	_, err := fmt.Fprintln(out, "\nbulkhead drill show NAME says more")
	return err
}

func newDrillShowCommand() *cobra.Command {
	var asYAML bool
	c := &cobra.Command{
		Use:   "show NAME",
		Short: "Say what a drill does, where it comes from, and what to expect of it",
		Long: `Say what a drill does, the incident that it comes from, what to expect of each isolation, and what to look for.

  bulkhead drill show crash
  bulkhead drill show crash --yaml >mine.yaml    the same experiment as a file: change it and run it`,
		Args: func(_ *cobra.Command, args []string) error {
			if len(args) == 1 {
				_, err := catalogued(args[0])
				return err
			}
			return usageError{fmt.Errorf("drill show wants one name: %s", strings.Join(schedule.Names(), " or "))}
		},
		RunE: func(c *cobra.Command, args []string) error {
			e, err := catalogued(args[0])
			if err != nil {
				return err
			}
			if asYAML {
				_, err = c.OutOrStdout().Write(e.YAML())
				return err
			}
			_, err = io.WriteString(c.OutOrStdout(), shownDrill(e))
			return err
		},
	}
	c.Flags().BoolVar(&asYAML, "yaml", false, "print the experiment file that is equal to it")
	return c
}

// catalogued is the experiment of a name.
func catalogued(name string) (experiment.Experiment, error) {
	e, err := experiment.Of(name)
	if err != nil {
		return e, usageError{fmt.Errorf("%w, %s", err, theft.Name)}
	}
	return e, nil
}

// shownDrill is what the catalogue has of one name.
func shownDrill(e experiment.Experiment) string {
	a := schedule.About(e)
	var b strings.Builder
	fmt.Fprintf(&b, "%s (%s): %s\n\n", e.Name, a.Group, a.Title)
	source := a.Source
	if source == "" {
		source = "nobody wrote it down where one can read it"
	}
	for _, part := range [][2]string{
		{"incident", a.Incident}, {"source", source}, {"expect", a.Expect}, {"predicted", predicted(e)}, {"look for", a.Look},
		{"lasts", lasts(e)}, {"one turn", fmt.Sprintf("about %v for each isolation", schedule.TurnOf(e).Round(time.Second))},
		{"as a file", fmt.Sprintf("bulkhead drill show %s --yaml", e.Name)},
	} {
		writePart(&b, part[0], part[1])
	}
	return b.String()
}

// shownWidth is that of the text, after a column for its title.
const shownWidth, titleWidth = 100, 11

func writePart(b *strings.Builder, title, text string) {
	line := fmt.Sprintf("%-*s", titleWidth, title)
	for _, word := range strings.Fields(text) {
		if len(line)+1+len(word) > shownWidth && len(strings.TrimSpace(line)) > 0 {
			b.WriteString(strings.TrimRight(line, " ") + "\n")
			line = strings.Repeat(" ", titleWidth)
		}
		if len(line) > titleWidth {
			line += " "
		}
		line += word
	}
	b.WriteString(line + "\n")
}

// predicted is what the oracle says of each isolation.
func predicted(e experiment.Experiment) string {
	foretold, err := schedule.Foretell(e)
	if err != nil {
		return "nothing: it is about keys, not about flows"
	}
	var all []string
	for _, f := range foretold {
		switch {
		case f.Must == 0 && f.Waiting == 0:
			all = append(all, f.Subject+": none")
		case f.Waiting == 0:
			all = append(all, fmt.Sprintf("%s: %d", f.Subject, f.Must))
		default:
			all = append(all, fmt.Sprintf("%s: %d..%d", f.Subject, f.Must, f.Must+f.Waiting))
		}
	}
	return fmt.Sprintf("flows that must be hit, or must..may, of %d: %s", foretold[0].Flows, strings.Join(all, "; "))
}

func lasts(e experiment.Experiment) string {
	f, err := e.Fault()
	if err != nil {
		return "one theft for each isolation"
	}
	text := "a moment"
	if l, ok := f.(fault.Lasting); ok && l.Lasts() > 0 {
		text = l.Lasts().String()
	}
	if experiment.HasLength(f) {
		text += "; method.for chooses another length"
	}
	if _, ok := f.(fault.Scaled); ok {
		text += "; it has a strength: method.times, method.sweep"
	}
	return text
}

func newDrillSchemaCommand() *cobra.Command {
	return &cobra.Command{
		Use: "schema", Short: "Print the JSON Schema of an experiment file", Args: cobra.NoArgs,
		RunE: func(c *cobra.Command, _ []string) error {
			_, err := c.OutOrStdout().Write(experiment.Schema())
			return err
		},
	}
}

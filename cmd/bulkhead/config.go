package main

import (
	"fmt"
	"io"
	"maps"
	"slices"
	"strings"
	"text/tabwriter"
	"time"

	"github.com/spf13/cobra"

	"github.com/bulkhead-mesh/bulkhead/proxy/admin"
)

// configPart is what of a dump is shown, as a table or as JSON.
type configPart struct {
	name  string
	head  string
	json  func(admin.Dump) any
	table func(t io.Writer, d admin.Dump, now time.Time)
}

var configParts = []configPart{
	{"workloads", "NAMESPACE\tNAME\tADDRESSES\tNODE\tPROTOCOL\tSTATUS", func(d admin.Dump) any { return d.Workloads }, writeDumpWorkloads},
	{"services", "NAMESPACE\tNAME\tADDRESSES\tPORTS\tENDPOINTS", func(d admin.Dump) any { return d.Services }, writeDumpServices},
	{"policies", "NAMESPACE\tNAME\tACTION\tSCOPE\tRULES", func(d admin.Dump) any { return d.Policies }, writeDumpPolicies},
	{"certificates", "IDENTITY\tCELL\tSTATE\tENDS IN\tSERIAL", func(d admin.Dump) any { return d.Certificates }, writeDumpCertificates},
	{"connections", "WORKLOAD\tDIRECTION\tFROM\tTO\tACTUALLY TO\tPROTOCOL", func(d admin.Dump) any { return d.State }, writeDumpConnections},
	{"all", "", func(d admin.Dump) any { return d }, nil},
}

func configPartNames() string {
	var names []string
	for _, p := range configParts {
		names = append(names, p.name)
	}
	return strings.Join(names, ", ")
}

func newConfigCommand() *cobra.Command {
	var n nodes
	c := &cobra.Command{
		Use:   "config [PART]",
		Short: "Show what a node's keeper knows: mesh, certificates, connections, its own file",
		Long: `Show what keepers know: ` + configPartNames() + `. The last, which is the default, is JSON in the shape of ztunnel's
config_dump, with the node's file, the version and the state of the node's pods; the others are tables, or their part of that JSON. No private key is in
it: a keeper has none of a workload's.

  bulkhead config certificates
  bulkhead config all --admin /run/bulkhead/admin.sock`,
		Args: cobra.MaximumNArgs(1),
		RunE: func(c *cobra.Command, args []string) error {
			part := configParts[len(configParts)-1]
			if len(args) == 1 {
				i := slices.IndexFunc(configParts, func(p configPart) bool { return p.name == args[0] })
				if i < 0 {
					return usageError{fmt.Errorf("%q is no part of a keeper's configuration: use %s", args[0], configPartNames())}
				}
				part = configParts[i]
			}
			all, err := collect[admin.Dump](c.Context(), &n, "/config_dump")
			if err != nil {
				return err
			}
			return part.write(c.OutOrStdout(), all, n.asJSON, time.Now())
		},
	}
	n.flags(c)
	return c
}

func (p configPart) write(w io.Writer, all []admin.Dump, asJSON bool, now time.Time) error {
	if asJSON || p.table == nil {
		parts := []any{}
		for _, d := range all {
			parts = append(parts, p.json(d))
		}
		return printJSON(w, parts)
	}
	t := tabwriter.NewWriter(w, 0, 8, 2, ' ', 0)
	fmt.Fprintln(t, "NODE\t"+p.head)
	for _, d := range all {
		p.table(prefixed{t, nodeOf(d) + "\t"}, d, now)
	}
	return t.Flush()
}

// prefixed begins every line with the node; each Write is a line.
type prefixed struct {
	w      io.Writer
	prefix string
}

func (p prefixed) Write(b []byte) (int, error) {
	if _, err := io.WriteString(p.w, p.prefix); err != nil {
		return 0, err
	}
	return p.w.Write(b)
}

func nodeOf(d admin.Dump) string {
	file, _ := d.Config.(map[string]any)
	name, _ := file["node"].(string)
	return orNone(name)
}

func writeDumpWorkloads(t io.Writer, d admin.Dump, _ time.Time) {
	for _, w := range d.Workloads {
		fmt.Fprintf(t, "%s\t%s\t%s\t%s\t%s\t%s\n", w.Namespace, w.Name, join(w.WorkloadIPs), orNone(w.Node), w.Protocol, w.Status)
	}
}

func writeDumpServices(t io.Writer, d admin.Dump, _ time.Time) {
	for _, s := range d.Services {
		var ports []string
		for from, to := range s.Ports {
			ports = append(ports, fmt.Sprintf("%d→%d", from, to))
		}
		slices.Sort(ports)
		fmt.Fprintf(t, "%s\t%s\t%s\t%s\t%d\n", s.Namespace, s.Name, orNone(strings.Join(s.VIPs, ",")), orNone(strings.Join(ports, ",")), len(s.Endpoints))
	}
}

func writeDumpPolicies(t io.Writer, d admin.Dump, _ time.Time) {
	for _, p := range d.Policies {
		action := p.Action
		if p.DryRun {
			action += " (dry run)"
		}
		fmt.Fprintf(t, "%s\t%s\t%s\t%s\t%d\n", orNone(p.Namespace), p.Name, action, p.Scope, len(p.Rules))
	}
}

func writeDumpCertificates(t io.Writer, d admin.Dump, now time.Time) {
	for _, c := range d.Certificates {
		ends, serial := "-", "-"
		if c.Until != nil {
			ends = c.Until.Sub(now).Round(time.Second).String()
		}
		if len(c.Chain) > 0 {
			serial = c.Chain[0].Serial
		}
		fmt.Fprintf(t, "%s\t%s\t%s\t%s\t%s\n", c.Identity, c.Cell, c.State, ends, serial)
	}
}

func writeDumpConnections(t io.Writer, d admin.Dump, _ time.Time) {
	for _, uid := range slices.Sorted(maps.Keys(d.State)) {
		c := d.State[uid].Connections
		for _, side := range []struct {
			name string
			all  []admin.DumpConnection
		}{{"inbound", c.Inbound}, {"outbound", c.Outbound}} {
			for _, x := range side.all {
				fmt.Fprintf(t, "%s\t%s\t%s\t%s\t%s\t%s\n", uid, side.name, x.Source, x.Destination, x.Actual, x.Protocol)
			}
		}
		if c.Error != "" {
			fmt.Fprintf(t, "%s\t\t%s\n", uid, c.Error)
		}
	}
}

func join[T fmt.Stringer](all []T) string {
	var words []string
	for _, v := range all {
		words = append(words, v.String())
	}
	return orNone(strings.Join(words, ","))
}

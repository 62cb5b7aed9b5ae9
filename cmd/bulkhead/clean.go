package main

import (
	"errors"
	"fmt"
	"io"
	"io/fs"
	"text/tabwriter"

	"github.com/spf13/cobra"

	"github.com/bulkhead-mesh/bulkhead/proxy/remains"
)

// errRemains is the end of a search that found something, all of which is printed.
var errRemains = errors.New("something of a node's proxy is left on this machine: see the findings")

// cleanSearch is `verify --clean`.
type cleanSearch struct {
	wanted bool
	cgroup string
	netns  []string
	proc   string // default /proc
}

func (s *cleanSearch) flags(c *cobra.Command) {
	c.Flags().BoolVar(&s.wanted, "clean", false, "look whether anything of a node's proxy is left on this machine")
	c.Flags().StringVar(&s.cgroup, "cgroup", "", "with --clean: the cgroup of the node's file")
	c.Flags().StringArrayVar(&s.netns, "netns", nil, "with --clean: a further network namespace, such as /proc/PID/fd/5; repeat it for several")
}

// cleanReport is what --json prints.
type cleanReport struct {
	remains.Looked
	Found []remains.Found `json:"found"`
}

func (s *cleanSearch) run(w io.Writer, n *nodes, workload string) error {
	if workload != "" {
		return usageError{errors.New("--clean looks at the whole machine: leave --workload out")}
	}
	found, looked, err := remains.Search{Proc: s.proc, Sockets: n.at, Cgroup: s.cgroup, Netns: s.netns}.Look()
	switch {
	case errors.Is(err, fs.ErrPermission):
		return usageError{fmt.Errorf("--clean looks into every process and network namespace: run it as root of the machine, with CAP_SYS_PTRACE (%w)", err)}
	case errors.Is(err, fs.ErrNotExist):
		return usageError{err}
	case err != nil:
		return err
	}
	if err := writeClean(w, cleanReport{looked, found}, n.asJSON); err != nil {
		return err
	}
	if len(found) > 0 {
		return errRemains
	}
	return nil
}

func writeClean(w io.Writer, r cleanReport, asJSON bool) error {
	if asJSON {
		if r.Found == nil {
			r.Found = []remains.Found{}
		}
		return printJSON(w, r)
	}
	said := "nothing of a node's proxy is left"
	if n := len(r.Found); n > 0 {
		said = fmt.Sprintf("%d FINDINGS", n)
	}
	t := tabwriter.NewWriter(w, 0, 8, 2, ' ', 0)
	fmt.Fprintf(t, "%d processes and %d network namespaces looked at: %s\n", r.Processes, r.Namespaces, said)
	if len(r.Found) > 0 {
		fmt.Fprintln(t, "\nKIND\tWHERE\tFOUND")
	}
	for _, f := range r.Found {
		fmt.Fprintf(t, "%s\t%s\t%s\n", f.Kind, f.Where, f.What)
	}
	return t.Flush()
}

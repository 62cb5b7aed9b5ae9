package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net/url"
	"slices"
	"strings"
	"text/tabwriter"
	"time"

	"github.com/spf13/cobra"

	"github.com/bulkhead-mesh/bulkhead/proxy/admin"
)

// verifyTimeout is more than a keeper takes for a node full of pods that do not answer.
const verifyTimeout = time.Minute

// errFound is the end of a verification that found something, all of which is printed.
var errFound = errors.New("something is not as it must be: see the findings")

func newVerifyCommand() *cobra.Command {
	var n nodes
	var workload string
	var clean cleanSearch
	c := &cobra.Command{
		Use:   "verify [--workload WORKLOAD | --clean]",
		Short: "Try whether identity and policy are enforced now, through every cell",
		Long: `Try whether identity and policy are enforced now. The keeper of each node calls every one of its workloads, as
peers do, on a port that is reserved for that: an allowed identity must be served, a denied one must be told 401 by the policy, an
SVID that another CA signed and one of another trust domain must fail in the handshake, plaintext must be refused where mTLS is strict
and served where it is not. Besides, the policies that the workload is judged by must be those that the keeper knows, its SVID
must have been rotated in time, and its capture rules, read back from the kernel, must be what they should be; with QUIC on,
so must the pod's UDP sockets.

Exit code 0: all of it is so. 1: it is not, and each finding says what was found where.

  bulkhead verify                                # in the running lab
  bulkhead verify --admin /run/bulkhead --json   # every keeper whose socket is in that directory

With --clean the question is another one: is anything left on this machine of a node's proxy that has ended? No
keeper is asked. Processes and the rules in every network namespace are looked at; --admin, --cgroup and --netns name what the machine cannot tell.

  sudo bulkhead verify --clean --admin /run/bulkhead/admin.sock --cgroup bulkhead

docs/operators.md says what it costs.`,
		Args: cobra.NoArgs,
		RunE: func(c *cobra.Command, _ []string) error {
			if clean.wanted {
				return clean.run(c.OutOrStdout(), &n, workload)
			}
			if clean.cgroup != "" || len(clean.netns) > 0 {
				return usageError{errors.New("--cgroup and --netns are for --clean")}
			}
			ctx, cancel := context.WithTimeout(c.Context(), verifyTimeout)
			defer cancel()
			all, err := askToVerify(ctx, &n, workload)
			if err != nil {
				return err
			}
			if n.asJSON {
				err = printJSON(c.OutOrStdout(), all)
			} else {
				err = writeVerdicts(c.OutOrStdout(), all)
			}
			if err == nil && slices.ContainsFunc(all, func(v admin.Verdict) bool { return len(v.Findings) > 0 }) {
				err = errFound
			}
			return err
		},
	}
	n.flags(c)
	clean.flags(c)
	c.Flags().StringVar(&workload, "workload", "", "verify this workload alone (namespace/name)")
	return c
}

// askToVerify has every keeper verify. With one workload those that do not have it are
// passed over, as long as one does.
func askToVerify(ctx context.Context, n *nodes, workload string) (all []admin.Verdict, err error) {
	path := "/verify"
	if workload != "" {
		path += "?workload=" + url.QueryEscape(workload)
	}
	if _, err := present(ctx, n); err != nil {
		return nil, err
	}
	err = n.ask(ctx, func(ctx context.Context, _ string, a *admin.Client) error {
		var v admin.Verdict
		err := a.Call(ctx, "POST", path, nil, &v)
		if workload != "" && isUnknown(err) {
			return nil
		}
		all = append(all, v)
		return err
	})
	if err == nil && len(all) == 0 {
		err = usageError{fmt.Errorf("%q is a pod of none of the nodes that were asked: bulkhead who lists all", workload)}
	}
	return all, err
}

func isUnknown(err error) bool {
	var refused *admin.RefusedError
	return errors.As(err, &refused) && refused.Status == 404
}

func writeVerdicts(w io.Writer, all []admin.Verdict) error {
	t := tabwriter.NewWriter(w, 0, 8, 2, ' ', 0)
	for _, v := range all {
		said := "all as it must be"
		if n := len(v.Findings); n > 0 {
			said = fmt.Sprintf("%d FINDINGS", n)
		}
		fmt.Fprintf(t, "%s: %d workloads, %d checks in %d ms: %s\n", v.Node, v.Workloads, v.Checks, int(v.Seconds*1000), said)
		if len(v.Outside) > 0 {
			fmt.Fprintf(t, "%s: outside of the mesh, in plaintext and under no policy: %s\n", v.Node, strings.Join(v.Outside, ", "))
		}
	}
	if slices.ContainsFunc(all, func(v admin.Verdict) bool { return len(v.Findings) > 0 }) {
		fmt.Fprintln(t, "\nNODE\tWORKLOAD\tCELL\tCHECK\tFOUND")
	}
	for _, v := range all {
		for _, f := range v.Findings {
			fmt.Fprintf(t, "%s\t%s\t%s\t%s\t%s\n", v.Node, f.Workload, f.Cell, f.Check, f.Found)
		}
	}
	return t.Flush()
}

package main

import (
	"context"
	"errors"
	"log/slog"
	"os"
	"os/signal"
	"time"

	"github.com/spf13/cobra"
	"golang.org/x/sys/unix"

	"github.com/bulkhead-mesh/bulkhead/proxy/control"
)

// newControlCommand makes `bulkhead control`.
func newControlCommand() *cobra.Command {
	var path string
	var ahead time.Duration
	var misstate bool
	c := &cobra.Command{
		Use:   "control --config FILE",
		Short: "Serve the mesh to its nodes: discovery and the embedded CA over gRPC",
		Long: `Serve the mesh to its nodes over gRPC, until SIGTERM or SIGINT: the embedded CA, by Istio's CA API, and with a mesh
file also discovery, by delta xDS: what istiod and ztunnel speak with each other.

Of the mesh only what changed is decoded, checked against the rest, and sent. Rename files into their places. One that
is wrong is named, with its line, and the mesh stays as it was until that file is right.

SIGUSR1 has the CA replace its root now, in two steps of an SVID's life each, in which nothing is dropped.

The file is strict YAML:

  trustDomain: cluster.local
  socket: /run/bulkhead/ca.sock
  socketMode: "0600"        # optional
  caDir: /var/lib/bulkhead  # optional: without it the root is made anew at each start
  address: control.bulkhead-system.svc:15012  # optional: the same over TLS
  rootsFile: /var/lib/bulkhead/roots.pem      # with address: gets the roots that callers need
  ttl: 1h                   # optional: lifetime of an SVID; callers may wish for less
  rootLife: 8760h           # optional: after this a new root takes over, and nothing is dropped
  mesh: /etc/bulkhead/mesh  # optional, watched: what discovery serves, and what runs on which node: a file, or a
                            # directory whose *.yaml, *.yml and *.json are one mesh together
  views:                    # optional: namespaces that a node is shown, besides what runs on it; others see everything
    n1: [tenant-a, shared]
  issued: /run/issued.jsonl # optional: gets a line for each SVID: identity, public key, end
  tokens:
  - token: s3cret
    identities: [spiffe://cluster.local/ns/tenant-a/sa/checkout]
  - token: s3cret-of-n1
    node: n1                # good for the identities of the workloads that run there`,
		Args: cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error { return runControl(cmd, path, ahead, misstate) },
	}
	c.Flags().StringVar(&path, "config", "", "the file (required)")
	c.Flags().DurationVar(&ahead, "clock-ahead", 0, "date SVIDs as if the clock were so far ahead: for drills")
	c.Flags().BoolVar(&misstate, "misstate-policies", false, "say policies in a form that no proxy can use: for drills")
	_ = c.Flags().MarkHidden("clock-ahead") // it fails for a flag that is not there
	_ = c.Flags().MarkHidden("misstate-policies")
	return c
}

func runControl(cmd *cobra.Command, path string, ahead time.Duration, misstate bool) error {
	if path == "" {
		return usageError{errors.New("control: --config is missing")}
	}
	cfg, err := control.Load(path)
	if err != nil {
		return usageError{err}
	}
	log := slog.New(slog.NewTextHandler(cmd.ErrOrStderr(), nil))
	if ahead != 0 {
		log.Warn("the CA dates SVIDs wrong, as it was told to", "ahead", ahead)
		cfg.Now = func() time.Time { return time.Now().Add(ahead) }
	}
	if misstate {
		log.Warn("policies are said in a form that no proxy can use, as it was told to")
		cfg.Misstate = true
	}
	served, err := control.New(cfg, log)
	if err != nil {
		return err
	}
	defer rotateOnSignal(cmd.Context(), served, log)()
	return served.Run(cmd.Context()) // main ends it at the first signal
}

// rotateOnSignal has the CA replace its root at each SIGUSR1, until what it returns.
func rotateOnSignal(ctx context.Context, c *control.Control, log *slog.Logger) (stop func()) {
	ctx, cancel := context.WithCancel(ctx)
	wanted, ended := make(chan os.Signal, 1), make(chan struct{})
	signal.Notify(wanted, unix.SIGUSR1)
	go func() {
		defer close(ended)
		for {
			select {
			case <-wanted:
				if err := c.CA().RotateRoot(); err != nil {
					log.Error("roots not rotated", "error", err)
				}
			case <-ctx.Done():
				return
			}
		}
	}()
	return func() { signal.Stop(wanted); cancel(); <-ended }
}

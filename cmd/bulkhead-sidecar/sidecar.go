package main

import (
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"log/slog"
	"os"
	"os/signal"
	"time"

	"github.com/spf13/cobra"
	"github.com/spiffe/go-spiffe/v2/workloadapi"
	"golang.org/x/sys/unix"
	"sigs.k8s.io/yaml"

	"github.com/bulkhead-mesh/bulkhead/cmd/internal/dataplane"
	"github.com/bulkhead-mesh/bulkhead/identity/issuer/caclient"
	"github.com/bulkhead-mesh/bulkhead/proxy/budget"
	"github.com/bulkhead-mesh/bulkhead/proxy/cell"
	"github.com/bulkhead-mesh/bulkhead/proxy/cell/fault"
	"github.com/bulkhead-mesh/bulkhead/proxy/discovery"
	"github.com/bulkhead-mesh/bulkhead/proxy/mesh"
	"github.com/bulkhead-mesh/bulkhead/proxy/sidecar"
	"github.com/bulkhead-mesh/bulkhead/proxy/telemetry"
	"github.com/bulkhead-mesh/bulkhead/proxy/tunnel"
)

// sidecarConfig is the sidecar's strict YAML file.
type sidecarConfig struct {
	Workload  string           `json:"workload"`           // UID in the mesh
	Mesh      string           `json:"mesh,omitempty"`     // mesh file, watched; or
	Discovery discovery.Config `json:"discovery,omitzero"` // who serves the mesh
	CA        caclient.Config  `json:"ca,omitzero"`        // who signs its SVID; or
	Agent     string           `json:"agent,omitempty"`    // address of a SPIFFE Workload API that has it, such as unix:///run/spire/agent.sock
	Drain     string           `json:"drain,omitempty"`    // default 5s
	Ready     string           `json:"ready,omitempty"`    // file that is written when the workload is served
	Admin     string           `json:"admin,omitempty"`    // unix socket that answers operators; default: none
	// Faults is for labs: a file with the order of a fault, read at the start and at
	// SIGUSR1. Without it a sidecar takes no orders.
	Faults  string              `json:"faults,omitempty"`
	Budgets budget.Config       `json:"budgets,omitzero"` // off, or limits; default: on
	Tunnels tunnel.Config       `json:"tunnels,omitzero"` // key exchange, pool, retry, quic; default: x25519, on, on, off
	Log     telemetry.LogConfig `json:"log,omitzero"`     // json or text; of which connections there are access lines
	drain   time.Duration
}

func newRoot() *cobra.Command {
	var path string
	c := &cobra.Command{
		Use:   "bulkhead-sidecar --config FILE",
		Short: "The data plane of one pod: serves the pod in whose network namespace this runs", Version: version,
		SilenceUsage:  true,
		SilenceErrors: true,
		Args: func(_ *cobra.Command, args []string) error {
			if len(args) > 0 {
				return &dataplane.Misuse{Err: fmt.Errorf("unexpected argument %q", args[0])}
			}
			return nil
		},
		RunE: func(c *cobra.Command, _ []string) error {
			config, err := loadSidecar(path)
			if err != nil {
				return &dataplane.Misuse{Err: err}
			}
			return runSidecar(c.Context(), config)
		},
	}
	c.Flags().StringVar(&path, "config", "", "the sidecar's YAML file (required)")
	c.SetFlagErrorFunc(func(_ *cobra.Command, err error) error { return &dataplane.Misuse{Err: err} })
	c.CompletionOptions.DisableDefaultCmd = true
	return c
}

func loadSidecar(path string) (sidecarConfig, error) {
	var c sidecarConfig
	if path == "" {
		return c, errors.New("--config FILE is required")
	}
	b, err := os.ReadFile(path)
	if err != nil {
		return c, fmt.Errorf("sidecar config: %w", err)
	}
	if err := yaml.UnmarshalStrict(b, &c); err != nil {
		return c, fmt.Errorf("sidecar config %s: %w", path, err)
	}
	if c.Workload == "" {
		return c, fmt.Errorf("sidecar config %s: workload is required", path)
	}
	if err := discovery.From(c.Mesh, c.Discovery); err != nil {
		return c, fmt.Errorf("sidecar config %s: %w", path, err)
	}
	if err := c.identity(); err != nil {
		return c, fmt.Errorf("sidecar config %s: %w", path, err)
	}
	if err := errors.Join(c.Tunnels.Validate(), c.Log.Validate()); err != nil {
		return c, fmt.Errorf("sidecar config %s: %w", path, err)
	}
	c.drain = 5 * time.Second
	if c.Drain != "" {
		if c.drain, err = time.ParseDuration(c.Drain); err != nil || c.drain < 0 {
			return c, fmt.Errorf("sidecar config %s: drain %q is no duration such as 5s", path, c.Drain)
		}
	}
	return c, nil
}

// identity checks where the pod's SVID comes from.
func (c sidecarConfig) identity() error {
	switch {
	case c.Agent == "":
		return c.CA.Check()
	case c.CA != caclient.Config{}:
		return errors.New("either ca, or the agent of a Workload API")
	default:
		return workloadapi.ValidateAddress(c.Agent)
	}
}

// source is where the pod's mesh comes from, and says how that goes.
type source interface {
	mesh.Source
	sidecar.Source
}

func (c sidecarConfig) source(log *slog.Logger) (source, error) {
	if c.Mesh != "" {
		return mesh.NewWatched(c.Mesh, log), nil
	}
	return discovery.New(c.Discovery, c.Workload, "", log)
}

func runSidecar(ctx context.Context, c sidecarConfig) error {
	logs := dataplane.NewLogs(os.Stderr, c.Log, "sidecar/"+c.Workload)
	defer logs.Close()
	log := logs.Log
	var operators *sidecar.Sidecar
	served := func(err error) {
		if err == nil {
			operators.Served()
		}
		if err == nil && c.Ready != "" {
			err = os.WriteFile(c.Ready, []byte("ready\n"), 0o644)
		}
		if err != nil {
			log.Error("not served", "error", err)
		}
	}
	ids, err := c.identities(log)
	if err != nil {
		return err
	}
	defer ids.close()
	source, err := c.source(log)
	if err != nil {
		return err
	}
	feed := cell.NewAlone(c.Workload, source, c.Budgets, c.Tunnels, c.resetKey(log), ids.signer, log, served)
	operators = sidecar.New(c.Workload, feed, source, ids.signing, log, logs.Level)
	endAnswers := answer(operators, c.Admin, log)
	endOrders := func() {}
	if c.Faults != "" {
		endOrders = takeOrders(feed, c.Faults, log)
	}
	watch, stop := context.WithCancel(context.WithoutCancel(ctx))
	ended := make(chan struct{})
	go watchMesh(watch, feed, ended)
	err = cell.Run(ctx, cell.Config{Feed: feed, Transport: dataplane.Transport, Datagrams: dataplane.Datagrams, Keys: ids.keys, Log: log, Access: logs.Access, Drain: func() time.Duration { return c.drain }})
	endOrders() // before the feed's end closes what orders and pings are sent on
	endAnswers()
	if err == nil {
		if e := operators.Ended(); e != nil {
			log.Error("the next start will count as one after a death", "error", e)
		}
	}
	stop()
	<-ended
	return err
}

// resetKey is kept beside the admin socket. Without one it ends with the process, and peers of one that died
// notice by its silence.
func (c sidecarConfig) resetKey(log *slog.Logger) (key [32]byte) {
	if c.Admin == "" || !c.Tunnels.QUIC.On {
		_, _ = rand.Read(key[:]) // never fails
		return key
	}
	key, err := sidecar.ResetKey(c.Admin)
	if err != nil {
		log.Error("peers will hear late of this sidecar's death", "error", err)
	}
	return key
}

// takeOrders passes orders of faults on to the feed until the function that it
// returns is called.
func takeOrders(feed *cell.Alone, path string, log *slog.Logger) (end func()) {
	ctx, cancel := context.WithCancel(context.Background())
	signals, ended := make(chan os.Signal, 1), make(chan struct{})
	signal.Notify(signals, unix.SIGUSR1)
	go obey(ctx, feed, path, signals, log, ended)
	return func() { signal.Stop(signals); cancel(); <-ended }
}

func obey(ctx context.Context, feed *cell.Alone, path string, signals <-chan os.Signal, log *slog.Logger, ended chan<- struct{}) {
	defer close(ended)
	for started := true; ; started = false {
		o, err := fault.ReadFile(path, started)
		if err == nil && o != nil {
			log.Warn("fault ordered", "fault", o.Name, "for", o.For)
			err = feed.Strike(ctx, *o)
		}
		if err != nil {
			log.Error("fault not struck", "error", err)
		}
		select {
		case <-signals:
		case <-ctx.Done():
			return
		}
	}
}

// watchMesh is the goroutine behind the feed; runSidecar waits for it.
func watchMesh(ctx context.Context, feed *cell.Alone, ended chan<- struct{}) {
	defer close(ended)
	feed.Run(ctx)
}

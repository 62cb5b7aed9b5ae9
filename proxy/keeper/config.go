package keeper

import (
	"errors"
	"fmt"
	"log/slog"
	"os"
	"strings"
	"time"

	"sigs.k8s.io/yaml"

	"github.com/bulkhead-mesh/bulkhead/identity/issuer/caclient"
	"github.com/bulkhead-mesh/bulkhead/proxy/budget"
	"github.com/bulkhead-mesh/bulkhead/proxy/discovery"
	"github.com/bulkhead-mesh/bulkhead/proxy/mesh"
	"github.com/bulkhead-mesh/bulkhead/proxy/telemetry"
	"github.com/bulkhead-mesh/bulkhead/proxy/tunnel"
)

// Custody is who keeps the listening sockets.
type Custody string

const (
	CustodyAnchor Custody = "anchor" // connections wait while a cell is away
	CustodyCell   Custody = "cell"   // they are refused, as ztunnel does
)

// Duration reads "500ms" in YAML.
type Duration time.Duration

// UnmarshalJSON implements json.Unmarshaler. A number has no unit, and is told so.
func (d *Duration) UnmarshalJSON(b []byte) error {
	if string(b) == "null" {
		return nil
	}
	v, err := time.ParseDuration(strings.Trim(string(b), `"`))
	if err != nil || v < 0 {
		return fmt.Errorf("%s is no duration such as 500ms or 5s", b)
	}
	*d = Duration(v)
	return nil
}

// MarshalText implements encoding.TextMarshaler.
func (d Duration) MarshalText() ([]byte, error) { return []byte(time.Duration(d).String()), nil }

// Config is the node's strict YAML file.
type Config struct {
	path string // of the file, watched; empty: not from a file

	Node        string              `json:"node"`
	Isolation   Isolation           `json:"isolation"` // default shared
	Overrides   Overrides           `json:"overrides,omitempty"`
	Custody     Custody             `json:"custody,omitempty"`   // default anchor
	Liveness    Liveness            `json:"liveness,omitempty"`  // default 1 s, 3 misses
	Verify      Verify              `json:"verify,omitzero"`     // default: only when asked
	Budgets     budget.Config       `json:"budgets,omitzero"`    // off, or limits of each workload; default: on
	Tunnels     tunnel.Config       `json:"tunnels,omitzero"`    // key exchange, pool, retry, quic; default: x25519, on, on, off
	Restart     Restart             `json:"restart,omitempty"`   // default 500 ms, doubling, at most 60 s
	OnFailure   OnFailure           `json:"onFailure,omitempty"` // of cells that stay away; default wait
	Mesh        string              `json:"mesh,omitempty"`      // mesh file, watched; or
	Discovery   discovery.Config    `json:"discovery,omitzero"`  // who serves the mesh
	CA          caclient.Config     `json:"ca"`                  //
	Admin       string              `json:"admin"`               // unix socket
	Cell        string              `json:"cell,omitempty"`      // the executable; default: bulkhead-cell beside this one
	Drain       Duration            `json:"drain,omitempty"`     // default 5 s
	Log         telemetry.LogConfig `json:"log,omitzero"`        // json or text; of which connections there are access lines: for what starts from now on
	Metrics     Metrics             `json:"metrics,omitzero"`    // where a Prometheus finds them; default: on the admin socket only
	Cgroup      string              `json:"cgroup,omitempty"`    // parent group of the cells; empty: none
	UIDs        *UIDs               `json:"uids,omitempty"`      // one uid per cell; absent: the keeper's own
	Level       *slog.LevelVar      `json:"-"`                   // of the keeper's logger and its cells'; nil: info, for good
	AllowFaults bool                `json:"-"`                   // from the command line: POST /faults strikes cells
	Walls       Walls               `json:"walls,omitempty"`     // limits of the cells, by the workloads that they serve
}

// Liveness is how a cell that hangs is noticed.
type Liveness struct {
	Off      bool     `json:"off,omitempty"`
	Interval Duration `json:"interval,omitempty"`
	Misses   int      `json:"misses,omitempty"`
	// Knock is how often each cell must serve a connection of the keeper's; 0: never. One that
	// is silent Misses times is killed.
	Knock Duration `json:"knock,omitempty"`
	// Listeners is how often the listening sockets are looked at, besides after a death.
	Listeners Duration `json:"listeners,omitempty"`
}

// Verify is how often the node verifies that identity and policy are enforced; 0: when asked.
type Verify struct {
	Every Duration `json:"every,omitempty"`
}

// Restart is the delay before a dead cell is started again: Initial, times Factor
// for every death that follows soon, at most Max.
type Restart struct {
	Initial Duration `json:"initial,omitempty"`
	Factor  float64  `json:"factor,omitempty"`
	Max     Duration `json:"max,omitempty"`
}

// UIDs is the range that cells' uids are taken from.
type UIDs struct {
	First int `json:"first"`
	Count int `json:"count"`
}

// LoadConfig reads, completes and checks a node file.
func LoadConfig(path string) (Config, error) {
	b, err := os.ReadFile(path)
	if err != nil {
		return Config{}, fmt.Errorf("node config: %w", err)
	}
	c, err := ParseConfig(b)
	if err != nil {
		return Config{}, fmt.Errorf("node config %s: %w", path, err)
	}
	c.path = path
	return c, nil
}

// ParseConfig is LoadConfig without the file.
func ParseConfig(b []byte) (Config, error) {
	var c Config
	if err := yaml.UnmarshalStrict(b, &c); err != nil {
		return c, explained(err)
	}
	c.complete()
	return c, c.validate()
}

// explained says what to do where YAML reads a word as something else.
func explained(err error) error {
	for _, read := range []string{"false", "true"} {
		if strings.Contains(err.Error(), fmt.Sprintf("unknown field %q", read)) {
			return fmt.Errorf("%w (YAML reads off, no and n as false, and on, yes and y as true: put a key such as \"off\" in quotes)", err)
		}
	}
	return err
}

func (c *Config) complete() {
	set(&c.Isolation, Shared)
	set(&c.Custody, CustodyAnchor)
	set(&c.Liveness.Interval, Duration(time.Second))
	set(&c.Liveness.Misses, 3)
	set(&c.Liveness.Listeners, Duration(30*time.Second))
	set(&c.Restart.Initial, Duration(500*time.Millisecond))
	set(&c.Restart.Factor, 2)
	set(&c.Restart.Max, Duration(time.Minute))
	set(&c.Drain, Duration(5*time.Second))
	c.Walls.complete()
	c.OnFailure.complete()
}

func set[T comparable](field *T, value T) {
	var zero T
	if *field == zero {
		*field = value
	}
}

// source is where the node's mesh comes from, and says how that goes.
type source interface {
	mesh.Source
	Standing() mesh.Standing
}

func (c *Config) source(log *slog.Logger) (source, error) {
	if c.Mesh != "" {
		return mesh.NewWatched(c.Mesh, log), nil
	}
	return discovery.New(c.Discovery, c.Node, c.Node, log)
}

func (c *Config) validate() error {
	var errs []error
	for _, f := range []struct{ name, value string }{
		{"node", c.Node}, {"admin", c.Admin},
	} {
		if f.value == "" {
			errs = append(errs, fmt.Errorf("%s is required", f.name))
		}
	}
	errs = append(errs, discovery.From(c.Mesh, c.Discovery), c.CA.Check(), checkIsolation("isolation", c.Isolation), c.Overrides.validate("overrides", checkIsolation))
	if c.Custody != CustodyAnchor && c.Custody != CustodyCell {
		errs = append(errs, fmt.Errorf("custody %q: use anchor or cell", c.Custody))
	}
	if c.Liveness.Misses < 1 {
		errs = append(errs, errors.New("liveness.misses must be at least 1"))
	}
	if c.Restart.Factor < 1 {
		errs = append(errs, errors.New("restart.factor must be at least 1"))
	}
	if c.UIDs != nil && (c.UIDs.First < 1 || c.UIDs.Count < 1) {
		errs = append(errs, errors.New("uids.first and uids.count must be at least 1"))
	}
	errs = append(errs, c.Walls.validate(), c.OnFailure.validate(), c.Tunnels.Validate(), c.Log.Validate(), c.Metrics.validate())
	return errors.Join(errs...)
}

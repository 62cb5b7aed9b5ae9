package experiment

import (
	"slices"
	"time"
)

// Experiment is one experiment with nothing left open: what a file leaves out has been filled in.
type Experiment struct {
	Name       string   `json:"name"`
	About      About    `json:"about"`
	Steady     Steady   `json:"steady"`
	Method     Method   `json:"method"`
	Rollback   Rollback `json:"rollback"`
	Culprit    string   `json:"culprit"`
	Graph      Graph    `json:"graph"`    // no edges: that of the default topology
	Topology   Topology `json:"topology"` // no pods: the default one
	Load       Load     `json:"load"`
	Isolations []string `json:"isolations"`
	Transports []string `json:"transports"`
	Repeats    int      `json:"repeats"`
	Seed       int64    `json:"seed"`
	Restart    Restart  `json:"restart"`
}

// About is what people read of an experiment; what is empty the catalogue says of its fault.
type About struct {
	Title    string `json:"title,omitempty"`
	Incident string `json:"incident,omitempty"`
	Source   string `json:"source,omitempty"` // an address
	Expect   string `json:"expect,omitempty"`
	Look     string `json:"look,omitempty"`
}

// Steady is the steady state, without which nothing is measured.
type Steady struct {
	For      Duration `json:"for"`      // nothing may fail for so long
	Within   Duration `json:"within"`   // and it must get there within this
	Baseline Duration `json:"baseline"` // of each segment
	Control  Duration `json:"control"`  // how long to watch without a fault: the null segment
}

// Method is what breaks it.
type Method struct {
	Fault   string   `json:"fault"`           // a name of the catalogue
	For     Duration `json:"for,omitempty"`   // how long it stands; 0: as the fault has it
	Times   *int     `json:"times,omitempty"` // how strong; nil: as the fault has it
	Sweep   []int    `json:"sweep,omitempty"` // an experiment for each strength
	Observe Duration `json:"observe"`         // the longest time to watch
}

// Rollback is what must be true when the fault has been undone.
type Rollback struct {
	Clean  Duration `json:"clean"`  // nothing bad for so long is a recovery
	Undone Duration `json:"undone"` // how long to watch after the undo: an error in that time is a finding
}

// Graph is who asks whom.
type Graph struct {
	Edges  []Edge `json:"edges,omitempty"`
	Denied []Edge `json:"denied,omitempty"` // a policy forbids it, and somebody tries all the same
}

// Edge says that one pod asks another.
type Edge struct {
	From string `json:"from"` // namespace/app
	To   string `json:"to"`
	Name string `json:"name,omitempty"` // what it is for: of one that crosses namespaces
	IPv6 bool   `json:"ipv6,omitempty"`
}

// Topology is what the lab is made of.
type Topology struct {
	Nodes int   `json:"nodes,omitempty"`
	Pods  []Pod `json:"pods,omitempty"`
}

// Pod is one workload.
type Pod struct {
	Namespace string `json:"namespace"`
	App       string `json:"app"`
	Account   string `json:"account,omitempty"` // service account; empty: named as the app is
	Node      int    `json:"node"`              // from 1
	IPv6      bool   `json:"ipv6"`              // whether it has an IPv6 address, too
}

// Name is the workload's.
func (p Pod) Name() string { return p.Namespace + "/" + p.App }

// Load is what the edges carry.
type Load struct {
	Period  Duration `json:"period"` // between two requests of a flow
	Long    int      `json:"long"`   // long-lived connections in all; 0: one per edge
	New     int      `json:"new"`    // new connections per second in all; 0: one per edge and period
	Timeout Duration `json:"timeout"`
}

// Restart is how things that died come back.
type Restart struct {
	Mode      string  `json:"mode"` // kubelet or equal
	TimeScale float64 `json:"timeScale"`
}

// Duration is a time.Duration that is written as in Go, "4s" or "1m30s".
type Duration time.Duration

// UnmarshalText implements encoding.TextUnmarshaler.
func (d *Duration) UnmarshalText(text []byte) error {
	parsed, err := time.ParseDuration(string(text))
	*d = Duration(parsed)
	return err
}

// MarshalText implements encoding.TextMarshaler.
func (d Duration) MarshalText() ([]byte, error) { return []byte(time.Duration(d).String()), nil }

// Clone shares nothing with e.
func (e Experiment) Clone() Experiment {
	e.Method.Sweep = slices.Clone(e.Method.Sweep)
	if e.Method.Times != nil {
		e.Method.Times = new(*e.Method.Times)
	}
	e.Graph.Edges, e.Graph.Denied = slices.Clone(e.Graph.Edges), slices.Clone(e.Graph.Denied)
	e.Topology.Pods, e.Isolations = slices.Clone(e.Topology.Pods), slices.Clone(e.Isolations)
	e.Transports = slices.Clone(e.Transports)
	return e
}

package lab

import (
	"context"
	"errors"
	"os"

	"github.com/bulkhead-mesh/bulkhead/bench/load"
)

// Options say where a lab keeps its files and whom it tells what happens.
type Options struct {
	Dir    string // run directory, from Enter
	Cgroup string // name of the lab's top cgroup, from Enter
	Bin    string // directory of the executables; empty: that of this one
	// Progress is told what is being set up, one short line each; nil: nobody.
	Progress func(line string)
	// Event is told of processes that end and come back; nil: nobody. It is called
	// from the goroutine that saw it and must not block.
	Event func(Event)
}

// Event is something that happened to a process of the lab.
type Event struct {
	At   int64  `json:"at"`   // CLOCK_MONOTONIC, ns
	Kind string `json:"kind"` // EventExit, EventRestart, EventServing
	Name string `json:"name"` // of the process: "sidecar tenant-a/checkout", "node-1"
	Note string `json:"note,omitempty"`
}

// Kinds of events.
const (
	EventExit    = "exit"    // it ended without being told to
	EventRestart = "restart" // the kubelet started it again
	EventServing = "serving" // it is ready again
)

// Flow is a load flow and the pod that sends it.
type Flow struct {
	From string // pod name
	load.Flow
}

// Proc is a process of the data plane.
type Proc struct {
	PID  int      `json:"pid"`
	Role string   `json:"role"` // sidecar, cell, keeper, anchor
	Name string   `json:"name"`
	Node string   `json:"node"`
	Pods []string `json:"pods,omitempty"` // that it serves
}

var errTODO = errors.New("lab: being written")

// Lab is one running lab, seen from its worker process.
type Lab struct{ topology Topology }

// New makes a lab that has nothing yet.
func New(o Options) (*Lab, error) { return nil, errTODO }

// Topology is what the lab is made of, without IPv6 where the kernel has none.
func (l *Lab) Topology() Topology { return l.topology }

// Up builds the network and starts the CA and the applications.
func (l *Lab) Up(ctx context.Context) error { return errTODO }

// Place starts the data plane of a subject and captures the pods; it returns when
// every pod is served.
func (l *Lab) Place(ctx context.Context, s Subject) error { return errTODO }

// Displace undoes Place and checks that nothing of it is left in any pod.
func (l *Lab) Displace(ctx context.Context) error { return errTODO }

// DataPlane is the processes that carry the bytes of a pod now; empty while there
// is none (isolation none, or it died and is not back).
func (l *Lab) DataPlane(pod string) ([]Proc, error) { return nil, errTODO }

// Usage is what the data plane uses now.
func (l *Lab) Usage() (Usage, error) { return Usage{}, errTODO }

// StartLoad starts flows at a time of CLOCK_MONOTONIC.
func (l *Lab) StartLoad(ctx context.Context, at int64, flows []Flow) error { return errTODO }

// StopLoad ends all flows and returns when every request has its record.
func (l *Lab) StopLoad(ctx context.Context) error { return errTODO }

// Records are those of all flows, in no order between pods. The channel is closed by Down.
func (l *Lab) Records() <-chan load.Record { return nil }

// Lost counts records that were not read in time: a run with any is invalid.
func (l *Lab) Lost() int64 { return 0 }

// Sniff looks for marker on every link of the fabric and of all nodes.
func (l *Lab) Sniff(marker []byte) (*Sniff, error) { return nil, errTODO }

// Marker is what every client of the lab sends, the same for all pods.
func (l *Lab) Marker() string { return "" }

// Exec runs a program in the network namespace of a pod and waits for it.
func (l *Lab) Exec(ctx context.Context, pod string, argv []string, stdio [3]*os.File) (exit int, err error) {
	return 0, errTODO
}

// Down ends everything that the lab made. It may be called in any state.
func (l *Lab) Down() error { return nil }

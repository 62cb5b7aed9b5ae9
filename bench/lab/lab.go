package lab

import (
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"sync"
	"time"

	"github.com/bulkhead-mesh/bulkhead/bench/load"
	"github.com/bulkhead-mesh/bulkhead/identity/bearer"
)

// Options say where a lab keeps its files and whom it tells what happens.
type Options struct {
	Dir    string // run directory, from Enter
	Cgroup string // name of the lab's top cgroup, from Enter; empty: no cgroups
	Bin    string // directory of the executables; empty: that of this one
	// Topology is what to build; without pods it is Default.
	Topology Topology
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

// Kinds of events. Cells of a node are their keeper's, not the kubelet's: of them
// there are none.
const (
	EventExit    = "exit"    // it ended without being told to
	EventRestart = "restart" // the kubelet started it again
	EventServing = "serving" // it serves again
)

// Flow is a load flow and the pod that sends it.
type Flow struct {
	From string // pod name
	load.Flow
}

// Proc is a process of the data plane.
type Proc struct {
	PID  int      `json:"pid"`
	Role string   `json:"role"` // RoleSidecar, …
	Name string   `json:"name"`
	Node string   `json:"node"`
	Pods []string `json:"pods,omitempty"` // that it serves
}

// Lab is one running lab, seen from its worker process. The fields above mu are set
// by New and Up and do not change until Down.
type Lab struct {
	options  Options
	topology Topology
	marker   string
	pid      int  // of the worker: where others find its descriptors
	manyUIDs bool // whether cells can have uids of their own
	groups   groups
	fabric   *fabric
	before   map[string]traces // of each pod without a data plane
	grants   []bearer.Grant    // tokens of nodes and sidecars
	apps     map[string]*application
	records  chan load.Record
	readers  sync.WaitGroup // of applications' lines
	closing  chan struct{}  // closed by Down: nobody takes records any more

	moving sync.Mutex // one Move at a time

	linking sync.Mutex
	uplinks uplinks // what is wrong with them; guarded by linking

	mu      sync.Mutex
	control map[string]*process // of each part the last one that was started
	life    time.Duration       // of SVIDs
	doubled bool                // the mesh is served by two
	plane   *dataPlane          // nil: none
	noise   []*process          // a crowd, its sink first; nil: none
}

// recordsQueue is for the moments in which the reader of records does not run.
const recordsQueue = 4096

// New makes a lab that has nothing yet but its description.
func New(o Options) (*Lab, error) {
	if o.Bin == "" {
		self, err := os.Executable()
		if err != nil {
			return nil, at("executables", "", err)
		}
		o.Bin = filepath.Dir(self)
	}
	for _, name := range []string{"bulkhead", "bulkhead-node", "bulkhead-cell", "bulkhead-sidecar"} {
		if _, err := os.Stat(filepath.Join(o.Bin, name)); err != nil {
			return nil, &Misuse{fmt.Sprintf("%s is missing beside this executable in %s: run make build", name, o.Bin)}
		}
	}
	nameProcess(WorkerCommand)
	t := o.Topology
	if len(t.Pods) == 0 {
		t = Default()
	}
	t = t.Here()
	l := &Lab{
		options: o, topology: t, marker: "marker-" + rand.Text(), pid: os.Getpid(),
		before: make(map[string]traces), apps: make(map[string]*application),
		records: make(chan load.Record, recordsQueue), closing: make(chan struct{}), control: make(map[string]*process), life: svidLife,
	}
	return l, t.Validate()
}

// Topology is what the lab is made of, without IPv6 where the kernel has none.
func (l *Lab) Topology() Topology { return l.topology }

// Marker is what every client of the lab sends, the same for all pods and another in
// each lab.
func (l *Lab) Marker() string { return l.marker }

// Up builds the network and starts the CA and the applications. When it fails, Down
// removes what there is.
func (l *Lab) Up(ctx context.Context) error {
	l.progress("network: %d nodes, %d pods, %d sentinels", len(l.topology.Nodes), len(l.topology.Pods), len(l.topology.Sentinels))
	if err := errors.Join(l.writeFiles(), l.bindHosts()); err != nil {
		return err
	}
	var err error
	l.manyUIDs = hasUID(firstUID + len(l.topology.Nodes)*uidsPerNode)
	if l.manyUIDs { // an ordinary user's lab has neither uids nor cgroups
		if l.groups, err = newGroups(l.options.Cgroup); err != nil {
			return err
		}
	}
	if l.fabric, err = buildFabric(l.topology); err != nil {
		return err
	}
	for _, p := range l.topology.All() {
		if l.before[p.Name()], err = readTraces(l.fabric.pods[p.Name()]); err != nil {
			return at("fabric", p.Name(), err)
		}
	}
	l.progress("control and %d applications", len(l.topology.All()))
	err = l.startApplications(ctx)
	for _, part := range Parts {
		err = errors.Join(err, l.startControl(ctx, part))
	}
	return err
}

func (l *Lab) startApplications(ctx context.Context) error {
	ctx, cancel := context.WithTimeout(ctx, controlTimeout)
	defer cancel()
	for _, p := range l.topology.All() {
		if err := ctx.Err(); err != nil {
			return at("applications", "", err)
		}
		a, err := l.startApplication(p)
		if err != nil {
			return err
		}
		l.apps[p.Name()] = a
	}
	var errs []error
	for _, a := range l.apps {
		errs = append(errs, a.awaitReady(ctx))
	}
	return errors.Join(errs...)
}

// hasUID reports whether an id is mapped here: an ordinary user's lab has only 0.
func hasUID(id int) bool {
	ids, err := identityMap("/proc/self/uid_map")
	if err != nil {
		return false
	}
	for _, m := range ids {
		if m.ContainerID <= id && id < m.ContainerID+m.Size {
			return true
		}
	}
	return false
}

// Down ends everything that the lab made, in any state, once. Cgroups are left for
// the outer process: the worker may be in the way of their removal itself.
func (l *Lab) Down() error {
	_, err := l.Disperse()
	err = errors.Join(err, l.Displace(context.Background()))
	close(l.closing)
	var ending sync.WaitGroup
	for _, a := range l.apps {
		ending.Go(a.end)
	}
	ending.Wait()
	l.readers.Wait()
	close(l.records)
	for _, part := range append([]string{Replica}, Parts...) {
		if c := l.controller(part); c != nil {
			c.stop(controlGrace)
		}
	}
	if l.fabric != nil {
		err = errors.Join(err, l.fabric.close())
	}
	return errors.Join(err, l.unbindHosts())
}

func (l *Lab) progress(format string, args ...any) {
	if l.options.Progress != nil {
		l.options.Progress(fmt.Sprintf(format, args...))
	}
}

func (l *Lab) event(e Event) {
	if l.options.Event != nil {
		l.options.Event(e)
	}
}

func (l *Lab) dataPlane() *dataPlane {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.plane
}

func (l *Lab) setDataPlane(d *dataPlane) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.plane = d
}

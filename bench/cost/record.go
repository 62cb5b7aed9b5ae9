package cost

import (
	"time"

	"github.com/bulkhead-mesh/bulkhead/bench/measure"
)

// Schema names the form of cost.jsonl. A change that an older reader would
// misunderstand makes the next version.
const Schema = "bulkhead.cost/v1"

// None is the isolation that the others are compared with.
const None = "none"

// Line is one line of cost.jsonl: a time of CLOCK_MONOTONIC and one of the others. A
// record is a Run, for each size a Size and its turns, and an End. A turn is the lines
// from its Turn to its Done.
type Line struct {
	At       int64     `json:"at"`
	Run      *Run      `json:"run,omitempty"`
	Size     *Size     `json:"size,omitempty"`
	Turn     *Turn     `json:"turn,omitempty"`
	Sample   *Sample   `json:"sample,omitempty"`
	Start    *Start    `json:"start,omitempty"`
	Replaced *Replaced `json:"replaced,omitempty"`
	Window   *Window   `json:"window,omitempty"`
	Done     bool      `json:"done,omitempty"`
	End      *End      `json:"end,omitempty"`
}

// Run is the first line: what was planned, and where. Durations are nanoseconds.
type Run struct {
	Schema     string       `json:"schema"`
	ID         string       `json:"id"`
	Started    time.Time    `json:"started"`
	Version    string       `json:"version"`
	Host       measure.Host `json:"host"`
	CPU        string       `json:"cpu"`    // of the machine, as /proc/cpuinfo names it
	Memory     int64        `json:"memory"` // of the machine, bytes
	Seed       int64        `json:"seed"`
	Repeat     int          `json:"repeat"`
	Sizes      []int        `json:"sizes"`      // pods on the node under test
	Isolations []string     `json:"isolations"` // in the order of the table
	Settle     int64        `json:"settle"`     // from the last pod that was served until the node counts as idle
	Rotation   int64        `json:"rotation"`   // from one SVID to the next of the same identity
	Drain      int64        `json:"drain"`      // how long a replaced process may keep its connections
}

// Size is one number of pods, in a lab of its own. Kinds of flows are those of
// package load; a flow's place in the list is its number.
type Size struct {
	Pods  int      `json:"pods"`
	Flows []string `json:"flows"`
}

// Turn is one isolation at the size above it, once.
type Turn struct {
	Round     int    `json:"round"`
	Isolation string `json:"isolation"`
}

// Phases of a turn.
const (
	Place   = "place"   // from nothing until every pod is served
	Idle    = "idle"    // nobody asks anything
	Push    = "push"    // one workload changes, and nobody asks anything
	Load    = "load"    // undisturbed
	Replace = "replace" // every process that carries bytes is replaced, under load
)

// Sample is a look at the data plane on the node under test, at the beginning or the
// end of a phase. Counters count from the beginning of the turn, or from before.
type Sample struct {
	Phase    string    `json:"phase"`
	Ends     bool      `json:"ends,omitempty"` // the phase; otherwise it begins
	Procs    []Process `json:"procs"`
	Signed   int64     `json:"signed"`   // SVIDs of the node's pods
	Messages int64     `json:"messages"` // from keeper to cells because the mesh or their pods changed
	Bytes    int64     `json:"bytes"`    // of those
}

// Process is one of the data plane. A look during a load has no more than CPU.
type Process struct {
	PID     int    `json:"pid"`
	Role    string `json:"role"` // anchor, keeper, cell, sidecar
	Pods    int    `json:"pods,omitempty"`
	PSS     int64  `json:"pss,omitempty"` // bytes, as the next two
	Private int64  `json:"private,omitempty"`
	Charge  int64  `json:"charge,omitempty"` // of its own cgroup; 0: it has none
	Threads int    `json:"threads,omitempty"`
	Read    int64  `json:"read,omitempty"` // bytes from files and streams
	CPU     int64  `json:"cpu"`            // ns
}

// Kinds of starts.
const (
	First   = "first"   // of a pod that is the only one of its service account
	Replica = "replica" // of one that finds others of its account there
)

// Start is one pod that was added while the node ran. Times count from the order to
// add it.
type Start struct {
	Kind     string `json:"kind"`
	Pod      string `json:"pod"`
	Served   int64  `json:"served"`   // captured and served, says the data plane
	Asked    int64  `json:"asked"`    // until its first request had its answer
	Answered int64  `json:"answered"` // until the first request to it had its answer
}

// Replaced is one process that carries bytes and was replaced.
type Replaced struct {
	Name   string `json:"name"`
	Pods   int    `json:"pods"`
	Began  int64  `json:"began"`  // CLOCK_MONOTONIC
	Served int64  `json:"served"` // the next one, all of its pods
}

// Window is the time in which a phase's requests were planned.
type Window struct {
	Phase     string  `json:"phase"`
	From      int64   `json:"from"`
	To        int64   `json:"to"`
	LongLived int     `json:"longLived"` // connections that were there from its beginning
	Busy      float64 `json:"busy"`      // the machine's load average at its end
}

// End is the last line of a run that was not killed.
type End struct {
	Why  string `json:"why,omitempty"` // it ended before its plan did
	Lost int64  `json:"lost,omitempty"`
}

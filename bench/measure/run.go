package measure

import (
	"net/netip"
	"time"
)

// Schema names the form of run.json. A change that an older reader would
// misunderstand makes the next version.
const Schema = "bulkhead.run/v1"

// Names of the files of a record.
const (
	RunFile      = "run.json"
	RequestsFile = "requests.jsonl.gz"
)

// Kinds of a segment. A fault's name is the kind of the segments that it makes.
const (
	Null   = "null"
	Crash  = "crash"
	Undone = "undone" // after the undo of a fault: as a null segment, and as clean
)

// Whether what one workload may use inside a cell is bounded.
const (
	BudgetsOn  = "on"
	BudgetsOff = "off"
)

// TransportQUIC is that of a subject whose tunnels go over to QUIC.
const TransportQUIC = "quic"

// Run is run.json: everything about a drill except its requests. Durations and
// monotonic times are nanoseconds.
type Run struct {
	Schema    string     `json:"schema"`
	ID        string     `json:"id"`
	Started   time.Time  `json:"started"` // wall clock, for people
	Version   string     `json:"version"` // of the bulkhead that wrote it
	Host      Host       `json:"host"`
	Drill     string     `json:"drill"` // the fault's name
	Method    Method     `json:"method,omitzero"`
	Culprit   string     `json:"culprit"`
	Seed      int64      `json:"seed"`
	Restart   Restart    `json:"restart"`
	Clean     int64      `json:"clean"` // how long nothing may be bad before a recovery is believed
	Nodes     []string   `json:"nodes"`
	Workloads []Workload `json:"workloads"`
	Flows     []Flow     `json:"flows"`
	Subjects  []Subject  `json:"subjects"` // in the order of the table
	Segments  []Segment  `json:"segments"` // in the order of time
	Lost      int64      `json:"lost"`     // records that a sampler could not hand over
	Clocks    []Clock    `json:"clocks,omitempty"`
	Aborted   string     `json:"aborted,omitempty"`
}

// Method is how the fault strikes, and how long is watched: what must be the same in two
// runs that are compared. Zero in records from before.
type Method struct {
	Does     string `json:"does"`     // in the fault's own words, with its strength
	Lasts    int64  `json:"lasts"`    // how long it goes on by itself; 0: it is over at once
	Baseline int64  `json:"baseline"` // of each segment
	Null     int64  `json:"null"`     // observation of a segment without a fault
	Longest  int64  `json:"longest"`  // observation after the fault, at most
}

// Host is where the drill ran.
type Host struct {
	Kernel     string `json:"kernel"`
	CPUs       int    `json:"cpus"`
	Privileged bool   `json:"privileged"` // root on the machine, not only in a user namespace
}

// Restart is how things that died came back.
type Restart struct {
	Mode      string  `json:"mode"`      // kubelet or equal
	TimeScale float64 `json:"timeScale"` // what the kubelet's delays were multiplied with
}

// Workload is a pod of the lab.
type Workload struct {
	Name           string       `json:"name"` // namespace/name
	Namespace      string       `json:"namespace"`
	ServiceAccount string       `json:"serviceAccount"`
	Node           string       `json:"node"`
	Addresses      []netip.Addr `json:"addresses"`
	Sentinel       bool         `json:"sentinel,omitempty"` // in no mesh: nothing serves it
}

// Flow is one stream of planned requests.
type Flow struct {
	ID       int            `json:"id"`
	Kind     string         `json:"kind"`   // load.New or load.Reused
	Client   string         `json:"client"` // workload name
	Server   string         `json:"server"`
	Target   netip.AddrPort `json:"target"`
	Period   int64          `json:"period"`
	Offset   int64          `json:"offset"`
	Timeout  int64          `json:"timeout"`
	Sentinel bool           `json:"sentinel,omitempty"` // captured by nobody
	Denied   bool           `json:"denied,omitempty"`   // forbidden by policy: an answer is a violation (I2)
}

// judged says whether the flow's failures count: those of a denied flow are as they
// should be, and a sentinel's are the machine's.
func (f *Flow) judged() bool { return !f.Sentinel && !f.Denied }

// Subject is the data plane under test.
type Subject struct {
	Name      string `json:"name"` // of the row
	Isolation string `json:"isolation"`
	Custody   string `json:"custody"`             // anchor or cell
	Liveness  bool   `json:"liveness"`            // the keeper pings its cells
	Budgets   string `json:"budgets,omitempty"`   // on or off; empty where there are none, and in records from before
	Transport string `json:"transport,omitempty"` // quic: tunnels go over to it; empty: HTTP/2 alone, and in records from before
	Delay     int64  `json:"delay"`               // between the death of the data plane and its first restart
}

// Segment is one fault, or the absence of one, on one subject: a baseline
// [T0, TFault) and an observation [TFault, TEnd).
type Segment struct {
	Subject string `json:"subject"` // name
	Kind    string `json:"kind"`    // Null or the fault's name
	Repeat  int    `json:"repeat"`  // from 0
	Start   int64  `json:"start"`   // of the load: request k is planned at Start+Offset+k*Period
	T0      int64  `json:"t0"`
	TFault  int64  `json:"tFault"`
	TEnd    int64  `json:"tEnd"`
	// Predicted are the flows that must be hit whatever L is. Waiting are flows that
	// wait for Absence at least: they must be hit when that is long enough to be
	// seen, and may be hit otherwise (docs/record.md, "must and may").
	Predicted []int   `json:"predicted"`
	Waiting   []int   `json:"waiting"`
	Absence   int64   `json:"absence"`
	Usage     []Usage `json:"usage"` // at T0 and at TFault
	Events    []Event `json:"events"`
	// Machine is read from T0 to TEnd, every half second, right before the fault, and after the end. Absent in records from before.
	Machine []Machine `json:"machine,omitempty"`
	// Checks are what was tried besides the flows and must never succeed.
	Checks []Check `json:"checks,omitempty"`
	// Skipped is why the fault did not strike: this machine or this placement cannot have
	// it. What the flows did then says nothing about it.
	Skipped string `json:"skipped,omitempty"`
}

// Check is something that must not succeed, and how often it was tried and did.
type Check struct {
	Name     string `json:"name"`
	Tried    int64  `json:"tried"`
	Violated int64  `json:"violated"`
	Note     string `json:"note,omitempty"`
}

// Clock is a comparison of a sampler's clock with that of whoever injects the fault. The
// sampler was asked after Asked and had answered before Told, both by the injector's clock;
// in between its own said At.
type Clock struct {
	Workload string `json:"workload"`
	Asked    int64  `json:"asked"`
	At       int64  `json:"at"`
	Told     int64  `json:"told"`
}

// Usage is what the data plane's processes had used at one time.
type Usage struct {
	T         int64     `json:"t"`
	Processes []Process `json:"processes"`
}

// Process is one process of the data plane.
type Process struct {
	Name    string `json:"name"`
	Role    string `json:"role"` // sidecar, cell, keeper or anchor
	PID     int    `json:"pid"`
	PSS     int64  `json:"pss"`     // bytes
	Private int64  `json:"private"` // bytes
	CPU     int64  `json:"cpu"`     // nanoseconds of user and system time since its start
}

// Event is something that the drill did or saw.
type Event struct {
	T    int64  `json:"t"`
	Name string `json:"name"`
	Note string `json:"note,omitempty"`
}

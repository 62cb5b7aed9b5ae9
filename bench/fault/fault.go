package fault

import (
	"context"
	"fmt"
	"os"
	"slices"
	"strings"
	"syscall"
	"time"

	"github.com/bulkhead-mesh/bulkhead/bench/crowd"
	"github.com/bulkhead-mesh/bulkhead/bench/hog"
	"github.com/bulkhead-mesh/bulkhead/bench/load"
)

// Fault is one thing that can go wrong.
type Fault interface {
	Name() string
	About() About
	Describe(t Target) string // the head line of a drill, without "drill:"
	Effect() Effect
	Inject(ctx context.Context, t Target) (Injected, error)
}

// Process is one process of the data plane.
type Process struct {
	Name string
	PID  int
}

// Target is what a fault acts on.
type Target struct {
	Culprit string // the workload whose data plane is struck
	Node    string // where it runs
	// Serving finds the processes that carry the culprit's bytes now.
	Serving func() ([]Process, error)
	// Strike has what serves the culprit fail from inside, by the name of the data
	// plane's own fault; Calm takes that back.
	Strike func(ctx context.Context, order string, lasts time.Duration) error
	Calm   func(context.Context) error
	// MemoryLimit is that of the processes that serve the culprit, in bytes; 0: nothing
	// limits them, or there are none.
	MemoryLimit func() (int64, error)
	// Keepers finds the keepers of all nodes, Anchor the anchor of the culprit's; nothing
	// where the data plane has none.
	Keepers func() ([]Process, error)
	Anchor  func() ([]Process, error)
	// Containers finds the first process of each container of the data plane on the
	// culprit's node; all that it started ends with it.
	Containers func() ([]Process, error)
	// Throttle cuts the CPU quota of what serves the culprit to a share of what it is;
	// restore gives back what there was.
	Throttle func(share float64) (note string, restore func() error, err error)
	// Send has a client in the culprit's pod send a text over a captured connection; it
	// says whether that was answered, and what was sent to whom.
	Send func(ctx context.Context, text string) (answered bool, note string, err error)
	// Replace has every cell of every node replaced, and says how that went.
	Replace func(context.Context) (string, error)
	// Upgrade has every keeper hand over to another, and every cell replaced.
	Upgrade func(context.Context) (string, error)
	// Move has the culprit served under another isolation, empty: as its node says, and
	// says how that went.
	Move func(ctx context.Context, to string) (string, error)
	// Drain has the culprit refused, and returns when no connection of its is left, which is
	// at a deadline, with how many there were; Undrain returns when it is served again.
	Drain   func(ctx context.Context, deadline time.Duration) (string, error)
	Undrain func(context.Context) error
	// Crowd starts noise around the culprit's pod and says what; Disperse ends it, and
	// says what came of it.
	Crowd    func(ctx context.Context, kind crowd.Kind, times int) (string, error)
	Disperse func() (string, error)
	// Misbehave starts a second process in the container of the culprit's application,
	// which takes what it can get, and says what; what it returns ends it, and says what
	// came of it. Limited: the container has a limit of its own.
	Misbehave func(kind hog.Kind, limited bool) (note string, behave func() (string, error), err error)
	// StallLog has nobody read what the culprit's data plane logs; what it returns has it
	// read again.
	StallLog func() (note string, resume func() error, err error)
	// Overflows is how many connections the queues of the culprit's pod had no room for.
	Overflows func() (int64, error)
	// Links are those between nodes.
	Links Links
	// Impersonate starts impostors on the fabric and in the culprit's pod.
	Impersonate func() (Impostors, error)
	// Flip is a flow of the culprit's that policies forbid and allow; NotEnforceableError
	// where nobody says by which policies it is judged.
	Flip func() (Flip, error)
	// Vacancy is a service that the culprit asks, which loses its endpoints.
	Vacancy func() (Vacancy, error)
	// Control is where mesh and SVIDs come from.
	Control ControlPlane
	// SVIDs are what the CA has signed.
	SVIDs SVIDs
	// Logged is how often the data plane's logs have said a word.
	Logged func(word string) (int, error)
	// FirstFailure is when the first request failed since the baseline began.
	FirstFailure func() (at int64, failed bool)
	// Pushes are of the mesh.
	Pushes Pushes
	// Rules are those that capture the culprit's connections.
	Rules Rules
	// Saw writes down what a fault does after it has struck.
	Saw func(at int64, note string)
	// Signal and Now are the system's unless a test says otherwise.
	Signal func(pid int, s syscall.Signal) error
	Now    func() int64
}

// System is a target on this machine.
func System(culprit, node string, serving func() ([]Process, error)) Target {
	return Target{Culprit: culprit, Node: node, Serving: serving, Signal: signal, Now: load.Now}
}

// signal goes through a process handle, so that a pid that was used again between
// look-up and signal is not hit.
func signal(pid int, s syscall.Signal) error {
	p, err := os.FindProcess(pid)
	if err != nil {
		return err
	}
	defer p.Release()
	return p.Signal(s)
}

// Injected is a fault that struck.
type Injected struct {
	At   int64  // CLOCK_MONOTONIC just before it struck
	Note string // what exactly was struck
	Undo func(context.Context) error
	// Checks are what was tried besides the flows, and what came of it. It is called once,
	// after Undo; nil: nothing was.
	Checks func() []Check
}

// Check is something that must never succeed, tried while the fault stood: a byte in
// plaintext on the wire, a handshake with another's SVID. Violated more than 0 times it is
// a finding.
type Check struct {
	Name     string // what must not be: "plaintext on the wire"
	Tried    int64
	Violated int64
	Note     string
}

// NotEnforceableError is a fault that this machine, or this placement, cannot have: no
// cgroups without root, no process where there is none. The drill goes on without it and
// says so; nothing was struck and there is nothing to undo.
type NotEnforceableError struct{ Why string }

func (e *NotEnforceableError) Error() string { return "not enforceable here: " + e.Why }

// nothing is the undo of faults that leave nothing to undo.
func nothing(context.Context) error { return nil }

// All is every fault, by name.
func All() []Fault {
	return []Fault{
		Crash{}, MemoryLeak, CPUHog, FDLeak, FDFlood, CrashLoop, Hang, HalfDead, Slow, Panic, Poison,
		NoisyNeighbour, NoisyBulk, NoisyConnections, NoisyHandshakes, SlowReader, LogStall, Backlog,
		AppHog, AppHogLimited, AppOOM, AppOOMPod,
		KeeperCrash, AnchorCrash{}, Replace, Upgrade, NodeRestart{},
		Partition, Latency, Loss, MTU, Flap,
		RulesFlushed, Spoof, PolicyFlip,
		ControlDown, ControlSlow, ControlStale, ControlPartial, TypeRejected, CADown, SVIDExpiry, RootRotation, ClockJump, BadPush, EndpointsGone, DenyAll, BigPush,
		Drain, Regroup, Rollback,
		Null{},
	}
}

// UnknownError is a name that no fault has.
type UnknownError struct{ Name string }

func (e *UnknownError) Error() string {
	var names []string
	for _, f := range All() {
		names = append(names, f.Name())
	}
	return fmt.Sprintf("fault %q is not known: use one of %s", e.Name, strings.Join(names, ", "))
}

// ByName finds a fault; the error is an *UnknownError.
func ByName(name string) (Fault, error) {
	all := All()
	i := slices.IndexFunc(all, func(f Fault) bool { return f.Name() == name })
	if i < 0 {
		return nil, &UnknownError{name}
	}
	return all[i], nil
}

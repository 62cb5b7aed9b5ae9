package triage

import (
	"cmp"
	"slices"
	"strings"
	"time"
)

// Kind is the kind of path that fails.
type Kind string

// Kinds of paths.
const (
	KindCell        Kind = "cell"
	KindKeeper      Kind = "keeper"
	KindNode        Kind = "node"
	KindLink        Kind = "link"
	KindCapture     Kind = "capture"
	KindApplication Kind = "application"
	KindWorkload    Kind = "workload" // what it takes of its cell
	KindLog         Kind = "log"
	KindControl     Kind = "control"
	KindCA          Kind = "ca"
	KindPolicy      Kind = "policy"
)

// Path is what fails.
type Path struct {
	Kind Kind   `json:"kind"`
	Name string `json:"name"` // "node-1 shared", "node-1", "tenant-a/web"
}

func (p Path) String() string { return string(p.Kind) + " " + p.Name }

// Class is how it fails.
type Class string

// Classes of failures.
const (
	Crash       Class = "crash"
	CrashLoop   Class = "crash-loop"
	MemoryWall  Class = "memory-wall"
	Hang        Class = "hang"      // it stands still
	HalfDead    Class = "half-dead" // it lives and serves nothing new
	Panic       Class = "panic"     // one connection at a time
	Starved     Class = "cpu"       // it has less CPU than it wants
	Descriptors Class = "descriptors"
	OverBudget  Class = "budget" // a workload takes more than its share
	Surge       Class = "surge"  // it opens many more connections than it used to
	Unreachable Class = "unreachable"
	Slow        Class = "latency"
	Lossy       Class = "loss"
	Replaced    Class = "replaced"   // on purpose
	Restarted   Class = "restarted"  // with all that is in it
	Silent      Class = "no-answer"  // of an admin socket
	RulesGone   Class = "rules-gone" // somebody changed them
	NotServing  Class = "not-accepting"
	Gone        Class = "gone"
	Stuck       Class = "stuck" // nobody reads it
	Denied      Class = "denied"
	Unenforced  Class = "unenforced" // identity or policy is not what it must be, as was tried
	Expired     Class = "svid-expired"
	Stale       Class = "stale"
	Rejected    Class = "rejected" // what was said last cannot be used
)

// Finding is one thing that is wrong.
type Finding struct {
	Path     Path      `json:"path"`
	Class    Class     `json:"class"`
	Since    time.Time `json:"since"`             // the earliest sign of it in the window
	Victims  []string  `json:"victims,omitempty"` // workloads, sorted
	Evidence []string  `json:"evidence"`
	Next     string    `json:"next"` // the command to type; it begins with "nothing" where there is none
}

// Proposes says whether there is something to type.
func (f Finding) Proposes() bool { return f.Next != "" && !strings.HasPrefix(f.Next, "nothing") }

// is says whether both are about the same.
func (f Finding) is(g Finding) bool { return f.Path == g.Path && f.Class == g.Class }

// Says is the finding in one line, without evidence.
func (f Finding) Says() string {
	s := f.Path.String() + ": " + string(f.Class)
	if len(f.Victims) > 0 {
		s += " (" + strings.Join(f.Victims, ", ") + ")"
	}
	return s
}

// urgent is the order of classes: what explains most comes first.
var urgent = []Class{
	Restarted, Expired, CrashLoop, MemoryWall, Hang, Descriptors, HalfDead, Crash, Unreachable, RulesGone, Starved, OverBudget, Surge, Slow, Lossy,
	Unenforced, NotServing, Gone, Silent, Denied, Stale, Rejected, Panic, Replaced, Stuck,
}

func arrange(all []Finding) {
	for i := range all {
		slices.Sort(all[i].Victims)
		all[i].Victims = slices.Compact(all[i].Victims)
	}
	slices.SortStableFunc(all, func(a, b Finding) int {
		return cmp.Or(cmp.Compare(slices.Index(urgent, a.Class), slices.Index(urgent, b.Class)), strings.Compare(a.Path.String(), b.Path.String()))
	})
}

package trust

import (
	"time"
)

// Schema names the form of trust.json.
const Schema = "bulkhead.trust/v1"

// File is the name of a record in its directory.
const File = "trust.json"

// Record is a drill key-theft, or one look at a running lab.
type Record struct {
	Schema    string     `json:"schema"`
	ID        string     `json:"id"`
	Started   time.Time  `json:"started"`
	Version   string     `json:"version"`
	Host      Host       `json:"host"`
	Culprit   string     `json:"culprit"` // workload whose cell is stolen
	Workloads []Workload `json:"workloads"`
	Flows     []Flow     `json:"flows"`
	Subjects  []Subject  `json:"subjects"`
	Aborted   string     `json:"aborted,omitempty"` // why it ended early
}

// Host is the machine.
type Host struct {
	Kernel     string `json:"kernel"`
	CPUs       int    `json:"cpus"`
	Privileged bool   `json:"privileged"` // the machine's root ran it: there were uids and cgroups
}

// Workload is a pod of the mesh.
type Workload struct {
	Name     string `json:"name"`
	Identity string `json:"identity"`
	Node     string `json:"node"`
}

// Flow says that one workload asks another.
type Flow struct {
	From string `json:"from"`
	To   string `json:"to"`
}

// Subject is one isolation.
type Subject struct {
	Name      string    `json:"name"`
	Isolation string    `json:"isolation"`
	At        time.Time `json:"at"` // of the look
	// Issued is every SVID that the CA had signed by then, of this subject and of those
	// before it.
	Issued    []Issued  `json:"issued"`
	Processes []Process `json:"processes"`
	Attempts  []Attempt `json:"attempts"`
	// Returned is how long the culprit was not served once the thief was killed; Damaged is
	// why it was not served again.
	Returned time.Duration `json:"returned,omitempty"`
	Damaged  string        `json:"damaged,omitempty"`
}

// Issued is an SVID: its identity, its public key, its end.
type Issued struct {
	Identity  string    `json:"identity"`
	PublicKey []byte    `json:"publicKey"` // SubjectPublicKeyInfo, DER
	NotAfter  time.Time `json:"notAfter"`
}

// Roles of processes.
const (
	RoleCell        = "cell"
	RoleSidecar     = "sidecar"
	RoleKeeper      = "keeper"
	RoleAnchor      = "anchor"
	RoleApplication = "application"
)

// Process is one process of the data plane.
type Process struct {
	Name  string   `json:"name"`
	Role  string   `json:"role"`
	Node  string   `json:"node"`
	PID   int      `json:"pid"`
	Pods  []string `json:"pods"`  // that it serves
	Found []Found  `json:"found"` // issued keys in its memory
	Scan  Scan     `json:"scan"`
	// Signable are the identities that somebody signs for when it asks: of the workloads
	// of a cell, of the node's pods for a keeper, none for an anchor.
	Signable []string `json:"signable"`
	Powers   Powers   `json:"powers"`
}

// NoNetns is the name of a network namespace that holds nothing and leads nowhere.
const NoNetns = "none"

// Found is an issued key: its position in Subject.Issued, and how often each form of it
// was there.
type Found struct {
	Key   int            `json:"key"`
	Forms map[string]int `json:"forms"`
}

// Scan is how much of the memory was looked at.
type Scan struct {
	Bytes  int64         `json:"bytes"`
	Tested int           `json:"tested"` // scalars
	Took   time.Duration `json:"took"`
}

// Powers is what the kernel lets a process do.
type Powers struct {
	UID          int      `json:"uid"`          // inside the lab
	Capabilities []string `json:"capabilities"` // effective
	NoNewPrivs   bool     `json:"noNewPrivs"`
	// Filtered: a seccomp filter is on. Then Calls are the system calls that it lets pass,
	// some of them by argument; 0: all but a few.
	Filtered bool     `json:"filtered"`
	Calls    int      `json:"calls"`
	Netns    string   `json:"netns"`     // that it lives in, by the lab's name for it
	NetnsFDs []string `json:"netnsFDs"`  // that it holds descriptors of
	OwnPIDs  bool     `json:"ownPIDs"`   // it sees no process outside a pid namespace of its own
	OwnMount bool     `json:"ownMounts"` // its file system is not the machine's
}

// Outcomes of an attempt.
const (
	Refused   = "refused"
	Succeeded = "succeeded"
	Killed    = "killed" // the attack did not survive it
	// NotEnforceable: nothing was tried, since this machine cannot enforce what should
	// stop it.
	NotEnforceable = "not enforceable here"
)

// Who attempts something.
const (
	ByCell        = "cell"
	ByApplication = "application"
)

// Attempt is one thing that the attack tried.
type Attempt struct {
	By   string `json:"by"`   // ByCell, ByApplication
	Kind string `json:"kind"` // what is tried, the same for all its targets
	// Target is what success would reach: a workload, Self, or something that belongs to
	// no workload.
	Target  string `json:"target"`
	Outcome string `json:"outcome"`
	Errno   string `json:"errno,omitempty"` // "EPERM", or the words of whoever refused
	Note    string `json:"note,omitempty"`
	// Control is an attempt that must succeed: without it the others prove nothing.
	Control bool `json:"control,omitempty"`
}

// Self is the target of an attempt that reaches nothing but the process itself.
const Self = "itself"

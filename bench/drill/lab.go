package drill

import (
	"context"
	"encoding/json"
	"time"

	"github.com/bulkhead-mesh/bulkhead/bench/crowd"
	"github.com/bulkhead-mesh/bulkhead/bench/fault"
	"github.com/bulkhead-mesh/bulkhead/bench/hog"
	"github.com/bulkhead-mesh/bulkhead/bench/lab"
	"github.com/bulkhead-mesh/bulkhead/bench/load"
	"github.com/bulkhead-mesh/bulkhead/bench/spoof"
)

// Lab is what a drill needs of a lab; *lab.Lab has it.
type Lab interface {
	Placement
	Traffic
	fault.Links
	fault.Pushes
	fault.SVIDs
	// Issue has SVIDs live so long from now on; 0: as usual. Nothing is placed.
	Issue(ctx context.Context, life time.Duration) error
	// Logged is how often the data plane's logs have said a word.
	Logged(word string) (int, error)
	spoof.Lab
	// AdminSockets are those that an operator would ask.
	AdminSockets() []string
}

// Placement puts data planes into the lab and takes them out.
type Placement interface {
	// Place returns when every pod is served.
	Place(ctx context.Context, s lab.Subject) error
	Displace(ctx context.Context) error
	// DataPlane is the processes that carry a pod's bytes now.
	DataPlane(pod string) ([]lab.Proc, error)
	Usage() (lab.Usage, error)
	Machine() (lab.Machine, error)
	// MemoryLimit is that of what serves a pod, in bytes; 0: there is none.
	MemoryLimit(pod string) (int64, error)
	// Strike has the data plane of a pod fail from inside; Calm takes that back.
	Strike(ctx context.Context, pod, order string, lasts time.Duration) error
	Calm(ctx context.Context, pod string) error
	// Crowd starts noise around a pod and says what; Disperse ends it, and says what
	// came of it.
	Crowd(ctx context.Context, pod string, kind crowd.Kind, times int) (string, error)
	Disperse() (string, error)
	// Misbehave starts a second process in the container of a pod's application; what it
	// returns ends it.
	Misbehave(pod string, kind hog.Kind, limited bool) (note string, behave func() (string, error), err error)
	// Overflows is how many connections the queues of a pod had no room for.
	Overflows(pod string) (int64, error)
	// StallLog has nobody read what serves a pod logs; what it returns has it read again.
	StallLog(pod string) (note string, resume func() error, err error)
	// Keepers and Anchor are what is above the cells: of all nodes, and of a pod's.
	Keepers() ([]lab.Proc, error)
	Anchor(pod string) ([]lab.Proc, error)
	// Containers are the first processes of the data plane's containers on a pod's node.
	Containers(pod string) ([]lab.Proc, error)
	// Throttle cuts the CPU quota of what serves a pod to a share of what it is.
	Throttle(pod string, share float64) (note string, restore func() error, err error)
	// Send has a client in a pod send a text over a captured connection.
	Send(ctx context.Context, pod, text string) (answered bool, note string, err error)
	// FlushRules deletes every nftables rule in a pod; RulesInForce is nil when those that
	// capture it are there; Recapture has whoever installed them do so again.
	FlushRules(pod string) error
	RulesInForce(pod string) error
	Recapture(ctx context.Context, pod string) error
	// NewFlip is for pushes that forbid a flow of a pod's and allow it again.
	NewFlip(pod string) (*lab.Flip, error)
	// NewVacancy is for pushes that take the endpoints of a service that a pod asks.
	NewVacancy(pod string) (*lab.Vacancy, error)
	// Control is the process of a part of control; Revive starts it where it has ended.
	Control(part string) []lab.Proc
	Revive(ctx context.Context, part string) error
	// Replicate has two serve the mesh of what is placed next, or one.
	Replicate(ctx context.Context, two bool) error
	// Misstate has the mesh's server say policies that no proxy can use.
	Misstate(ctx context.Context, wrong bool) error
	// Hearings are what proxies say of who serves their mesh.
	Hearings(ctx context.Context) ([]lab.Hearing, error)
	// Overhear looks for the load's bytes on every wire.
	Overhear() (*lab.Sniff, error)
	// Replace replaces every cell of every node and says how that went.
	Replace(ctx context.Context) (string, error)
	// Upgrade has every keeper hand over before that.
	Upgrade(ctx context.Context) (string, error)
	// Move has a pod served under another isolation; empty: as its node says.
	Move(ctx context.Context, pod, to string) (json.RawMessage, error)
	// DrainPod has a pod refused, and says how many connections were open; UndrainPod has
	// it served again.
	DrainPod(ctx context.Context, pod string, deadline time.Duration) (string, error)
	UndrainPod(ctx context.Context, pod string) error
}

// Traffic runs the applications' clients.
type Traffic interface {
	StartLoad(ctx context.Context, at int64, flows []lab.Flow) error
	// StopLoad returns when every request has its record.
	StopLoad(ctx context.Context) error
	// Clocks compares the samplers' clocks with ours.
	Clocks(ctx context.Context) ([]lab.Clock, error)
	Records() <-chan load.Record
	Lost() int64
}

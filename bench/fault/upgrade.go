package fault

import (
	"context"
	"time"
)

// Upgrade is no fault but what every new version asks for: of each node in turn first the
// keeper, by `bulkhead-node upgrade`, then its cells, by `bulkhead-node replace`.
var Upgrade = upgrade{lasts: 14 * time.Second}

type upgrade struct{ lasts time.Duration }

// Name is part of Fault.
func (upgrade) Name() string { return "upgrade" }

// Lasts is part of Lasting.
func (f upgrade) Lasts() time.Duration { return f.lasts }

// Effect is part of Fault. That keepers hand over is for no flow.
func (upgrade) Effect() Effect { return ReplacesCells }

// About is part of Fault.
func (upgrade) About() About {
	return About{
		Group: Processes, Does: "has every keeper hand over to a new one, and replaces every cell, node after node",
		Incident: "Updating a node proxy in place cuts long-lived connections; ztunnel declares hitless in-place upgrades out of scope.",
		Source:   "https://github.com/istio/istio/issues/51126",
		Expect:   "As replace: long-lived connections end at the deadline of the drain, and no new one fails. That keepers hand over is seen by nobody.",
		Look:     "Failures of new connections: there must be none. The version is the same before and after: what is new in another one is not tried here.",
	}
}

// Describe is part of Fault.
func (upgrade) Describe(Target) string {
	return "rolling upgrade of the keepers and cells of all nodes"
}

// Inject is part of Fault.
func (f upgrade) Inject(ctx context.Context, t Target) (Injected, error) {
	if err := needsKeeper(t, f.Name()); err != nil {
		return Injected{}, err
	}
	return Injected{At: t.Now(), Note: "every keeper and every cell is replaced", Undo: underway(ctx, saying(t, t.Upgrade))}, nil
}

package fault

import (
	"context"
	"time"
)

// Replace is no fault but what every security fix asks for: all cells of all nodes are
// replaced one by one, as `bulkhead-node replace` does.
var Replace = replace{lasts: 10 * time.Second}

type replace struct{ lasts time.Duration }

// Name is part of Fault.
func (replace) Name() string { return "replace" }

// Lasts is part of Lasting.
func (f replace) Lasts() time.Duration { return f.lasts }

// Effect is part of Fault.
func (replace) Effect() Effect { return ReplacesCells }

// About is part of Fault.
func (replace) About() About {
	return About{
		Group: Processes, Does: "replaces every cell of every node, one by one",
		Incident: "Updating a node proxy in place cuts long-lived connections; ztunnel declares hitless in-place upgrades out of scope.",
		Source:   "https://github.com/istio/istio/issues/51126",
		Expect:   "Long-lived connections end at the deadline of the drain; no new one fails.",
		Look:     "Failures of new connections: there must be none.",
	}
}

// Describe is part of Fault.
func (replace) Describe(Target) string {
	return "rolling replacement of all cells of all nodes"
}

// Inject is part of Fault. The replacement goes on in a goroutine, which the undo
// waits for.
func (f replace) Inject(ctx context.Context, t Target) (Injected, error) {
	if err := needsKeeper(t, f.Name()); err != nil {
		return Injected{}, err
	}
	return Injected{At: t.Now(), Note: "every cell is replaced", Undo: underway(ctx, saying(t, t.Replace))}, nil
}

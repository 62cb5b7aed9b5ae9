package fault

import (
	"context"
	"fmt"
)

// AnchorCrash kills the parent of a node's keeper and cells: everything on the node
// ends with it, and comes back when the kubelet starts the node's proxy again.
type AnchorCrash struct{}

// Name is part of Fault.
func (AnchorCrash) Name() string { return "anchor-crash" }

// Effect is part of Fault.
func (AnchorCrash) Effect() Effect { return EndsNode }

// About is part of Fault.
func (AnchorCrash) About() About {
	return About{
		Group: Processes, Does: "kills the parent of keeper and cells on one node",
		Incident: "The process that holds what must outlive the others is itself one process.",
		Expect:   "The whole node is hit, whatever the isolation on it; with sidecars nobody.",
		Look:     "How long the node is away: the kubelet brings it back, with its delay.",
	}
}

// Describe is part of Fault.
func (AnchorCrash) Describe(t Target) string {
	return fmt.Sprintf("crash of the anchor of %s", t.Node)
}

// Inject is part of Fault. There is nothing to undo.
func (f AnchorCrash) Inject(_ context.Context, t Target) (Injected, error) {
	at, note, err := killAll(t, t.Anchor)
	if err != nil {
		return Injected{}, fmt.Errorf("%s: %w", f.Name(), err)
	}
	return Injected{At: at, Note: note, Undo: nothing}, nil
}

package fault

import (
	"context"
	"fmt"
)

// NodeRestart ends everything that carries bytes on the culprit's node at once, as a
// reboot does: the node's proxy, or the sidecars of all pods there.
type NodeRestart struct{}

// Name is part of Fault.
func (NodeRestart) Name() string { return "node-restart" }

// Effect is part of Fault.
func (NodeRestart) Effect() Effect { return RestartsNode }

// About is part of Fault.
func (NodeRestart) About() About {
	return About{
		Group: Processes, Does: "ends everything that carries bytes on the culprit's node at once, as a reboot does",
		Incident: "After an update of the nodes their proxies restart together. Here the applications are spared, since they are the samplers: what they lose is the data plane's.",
		Expect:   "Every flow with an end on the node is hit, in every isolation: this is the fault that no isolation contains.",
		Look:     "How long the node is away. A sidecar waits for the kubelet only, a cell for kubelet, anchor, keeper and its first SVID.",
	}
}

// Describe is part of Fault.
func (NodeRestart) Describe(t Target) string {
	return fmt.Sprintf("restart of %s: everything that carries bytes there ends", t.Node)
}

// Inject is part of Fault. There is nothing to undo: the kubelet brings it back.
func (f NodeRestart) Inject(_ context.Context, t Target) (Injected, error) {
	at, note, err := killAll(t, t.Containers)
	if err != nil {
		return Injected{}, fmt.Errorf("%s: %w", f.Name(), err)
	}
	return Injected{At: at, Note: note, Undo: nothing}, nil
}

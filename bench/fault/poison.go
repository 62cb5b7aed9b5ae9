package fault

import (
	"context"
	"fmt"
	"time"

	"github.com/bulkhead-mesh/bulkhead/proxy/cell/fault"
)

// Poison is a bug that the bytes of one tenant reach, in a goroutine that recovers
// nothing: what serves the culprit is armed, and a client in the culprit's pod sends
// the bytes over a captured connection. It strikes once.
var Poison = poison{armed: 10 * time.Second}

// The data plane looks for the bytes no longer than it is armed.
type poison struct{ armed time.Duration }

// Name is part of Fault.
func (poison) Name() string { return "poison" }

// Effect is part of Fault.
func (poison) Effect() Effect { return Ends }

// About is part of Fault.
func (poison) About() About {
	return About{
		Group: Processes, Does: "has the bytes of the culprit reach a bug that ends the whole process",
		Incident: "One class of pods put four or five ztunnels of a cluster into a crash loop; taking those pods out of the mesh cured the nodes.",
		Source:   "https://github.com/istio/ztunnel/issues/1707",
		Expect:   "As a crash: whoever shares the process with the sender is hit, though none of them did anything.",
		Look:     "Who pays for one tenant's bytes: it alone, its namespace, or the node.",
	}
}

// Describe is part of Fault.
func (poison) Describe(t Target) string {
	return fmt.Sprintf("poison: bytes that %s sends end the data plane that serves it on %s", t.Culprit, t.Node)
}

// Inject is part of Fault. There is nothing to undo: the poison is gone with the
// process that knew it.
func (f poison) Inject(ctx context.Context, t Target) (Injected, error) {
	serving, err := t.Serving()
	if err != nil {
		return Injected{}, fmt.Errorf("%s: %w", f.Name(), err)
	}
	if len(serving) == 0 {
		return Injected{}, &NothingServesError{t.Culprit}
	}
	if err := t.Strike(ctx, f.Name(), f.armed); err != nil {
		return Injected{}, fmt.Errorf("%s: %w", f.Name(), err)
	}
	// What is answered came before the order did: it is under way to the data path.
	for until := time.Now().Add(f.armed); time.Now().Before(until); {
		at := t.Now()
		answered, note, err := t.Send(ctx, fault.Poison)
		if err != nil {
			return Injected{}, fmt.Errorf("%s: %w", f.Name(), err)
		}
		if !answered {
			return Injected{At: at, Undo: nothing, Note: fmt.Sprintf("%s, and %s is gone", note, serving[0].Name)}, nil
		}
	}
	return Injected{}, fmt.Errorf("%s: %s takes it for %v and lives", f.Name(), serving[0].Name, f.armed)
}

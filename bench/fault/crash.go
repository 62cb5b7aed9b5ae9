package fault

import (
	"context"
	"fmt"
	"syscall"
)

// Crash kills the processes that serve the culprit, as a bug or the OOM killer
// would: with SIGKILL, no word to peers, no drain.
type Crash struct{}

// NothingServesError is a fault that found nothing to strike.
type NothingServesError struct{ Culprit string }

func (e *NothingServesError) Error() string {
	return fmt.Sprintf("no process serves %s", e.Culprit)
}

// Name is part of Fault.
func (Crash) Name() string { return "crash" }

// Effect is part of Fault.
func (Crash) Effect() Effect { return Ends }

// About is part of Fault.
func (Crash) About() About {
	return About{
		Group: Processes, Does: "kills the processes that serve the culprit",
		Incident: "A node's proxy is killed, or dies of a bug. Istio's end-to-end test restarts ztunnel and tolerates no failure; now and then one request fails.",
		Source:   "https://github.com/istio/istio/issues/51952",
		Expect:   "Every flow with an end at what died is hit, and no other: those of one workload, or of a whole node.",
		Look:     "Whether new connections were refused or waited for the successor: that is custody.",
	}
}

// Describe is part of Fault.
func (Crash) Describe(t Target) string {
	return fmt.Sprintf("crash of the data plane that serves %s on %s", t.Culprit, t.Node)
}

// Inject is part of Fault. There is nothing to undo: whoever restarts what died,
// keeper or kubelet, is part of what is measured.
func (Crash) Inject(_ context.Context, t Target) (Injected, error) {
	serving, err := t.Serving()
	if err != nil {
		return Injected{}, fmt.Errorf("crash: %w", err)
	}
	if len(serving) == 0 {
		return Injected{}, &NothingServesError{t.Culprit}
	}
	done := Injected{At: t.Now(), Undo: nothing}
	for i, p := range serving {
		if err := t.Signal(p.PID, syscall.SIGKILL); err != nil {
			return Injected{}, fmt.Errorf("crash: kill %s (pid %d): %w", p.Name, p.PID, err)
		}
		if i > 0 {
			done.Note += ", "
		}
		done.Note += fmt.Sprintf("SIGKILL to %s (pid %d)", p.Name, p.PID)
	}
	return done, nil
}

package fault

import (
	"context"
	"errors"
	"fmt"
	"os"
	"strings"
	"syscall"
	"time"
)

// Hang stops the processes that serve the culprit without ending them, as a debugger,
// a full disk under a log or a lost lock would: descriptors stay open, and nothing moves.
var Hang = hang{lasts: 6 * time.Second}

type hang struct{ lasts time.Duration }

// Name is part of Fault.
func (hang) Name() string { return "hang" }

// Effect is part of Fault.
func (hang) Effect() Effect { return Stops }

// Lasts is part of Lasting.
func (f hang) Lasts() time.Duration { return f.lasts }

// For is part of Timed.
func (f hang) For(d time.Duration) Fault { f.lasts = d; return f }

// About is part of Fault.
func (hang) About() About {
	return About{
		Group: Processes, Does: "stops the processes that serve the culprit (SIGSTOP), without ending them",
		Incident: "A ztunnel that was out of descriptors stayed not ready for ever: nothing restarts what does not die.",
		Source:   "https://github.com/istio/ztunnel/issues/1631",
		Expect:   "Every flow with an end at what stands still waits, with custody or without; a keeper that pings kills after three misses, nobody else does.",
		Look:     "How long it takes: that is liveness. And that nobody is refused, since the sockets are there.",
	}
}

// Describe is part of Fault.
func (f hang) Describe(t Target) string {
	return fmt.Sprintf("hang of the data plane that serves %s on %s: SIGSTOP for %v", t.Culprit, t.Node, f.lasts)
}

// Inject is part of Fault. What it stopped goes on when its time is over, or at the
// undo; what was killed meanwhile needs nothing.
func (f hang) Inject(ctx context.Context, t Target) (Injected, error) {
	serving, err := t.Serving()
	if err != nil {
		return Injected{}, fmt.Errorf("hang: %w", err)
	}
	if len(serving) == 0 {
		return Injected{}, &NothingServesError{t.Culprit}
	}
	at := t.Now() // just before it strikes: bins count from here
	var stopped []Process
	for _, p := range serving {
		if err := t.Signal(p.PID, syscall.SIGSTOP); err != nil {
			_, undone := goOn(t, stopped)
			return Injected{}, errors.Join(fmt.Errorf("hang: stop %s (pid %d): %w", p.Name, p.PID, err), undone)
		}
		stopped = append(stopped, p)
	}
	return Injected{At: at, Note: noted("SIGSTOP", stopped...), Undo: standing(ctx, f.lasts, func() error {
		note, err := goOn(t, stopped)
		t.Saw(t.Now(), note)
		return err
	})}, nil
}

// goOn continues what was stopped and says what became of it.
func goOn(t Target, stopped []Process) (note string, err error) {
	var notes []string
	var errs []error
	for _, p := range stopped {
		switch err := t.Signal(p.PID, syscall.SIGCONT); {
		case err == nil:
			notes = append(notes, noted("SIGCONT", p))
		case errors.Is(err, os.ErrProcessDone):
			notes = append(notes, fmt.Sprintf("%s (pid %d) had been killed", p.Name, p.PID))
		default:
			errs = append(errs, fmt.Errorf("continue %s (pid %d): %w", p.Name, p.PID, err))
		}
	}
	return strings.Join(notes, ", "), errors.Join(errs...)
}

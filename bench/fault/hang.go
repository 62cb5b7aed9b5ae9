package fault

import (
	"context"
	"errors"
	"fmt"
	"os"
	"slices"
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
			err = fmt.Errorf("hang: stop %s (pid %d): %w", p.Name, p.PID, err)
			return Injected{}, errors.Join(err, goOn(t, stopped))
		}
		stopped = append(stopped, p)
	}
	return Injected{At: at, Note: noted("SIGSTOP", stopped...), Undo: during(ctx, f.lasts, func(going context.Context) error {
		return goOn(t, survivors(going, t, stopped))
	})}, nil
}

// survivors waits until the time is over, says who was killed meanwhile, and returns the
// others.
func survivors(going context.Context, t Target, stopped []Process) []Process {
	tick := time.NewTicker(lookEvery)
	defer tick.Stop()
	for going.Err() == nil {
		stopped = slices.DeleteFunc(stopped, func(p Process) bool {
			killed := errors.Is(t.Signal(p.PID, 0), os.ErrProcessDone)
			if killed {
				t.Saw(t.Now(), fmt.Sprintf("%s (pid %d) was killed: somebody noticed", p.Name, p.PID))
			}
			return killed
		})
		select {
		case <-tick.C:
		case <-going.Done():
		}
	}
	return stopped
}

// goOn continues what was stopped; what has ended in this very moment needs nothing.
func goOn(t Target, stopped []Process) error {
	var errs []error
	for _, p := range stopped {
		err := t.Signal(p.PID, syscall.SIGCONT)
		switch {
		case err == nil:
			t.Saw(t.Now(), noted("SIGCONT", p))
		case !errors.Is(err, os.ErrProcessDone):
			errs = append(errs, fmt.Errorf("continue %s (pid %d): %w", p.Name, p.PID, err))
		}
	}
	return errors.Join(errs...)
}

package fault

import (
	"context"
	"errors"
	"fmt"
	"os"
	"syscall"
	"time"
)

// KeeperCrash kills the keepers of all nodes, and their successors every five seconds.
// No cell is touched: nobody must notice.
var KeeperCrash = keeperCrash{every: 5 * time.Second, lasts: 21 * time.Second}

type keeperCrash struct{ every, lasts time.Duration }

// Name is part of Fault.
func (keeperCrash) Name() string { return "keeper-crash" }

// Lasts is part of Lasting.
func (f keeperCrash) Lasts() time.Duration { return f.lasts }

// For is part of Timed: as many crashes in another time.
func (f keeperCrash) For(d time.Duration) Fault {
	f.every = max(time.Duration(float64(f.every)*float64(d)/float64(f.lasts)), shortestCrash)
	f.lasts = d
	return f
}

// shortestCrash leaves a keeper the time to come back before it is killed again.
const shortestCrash = 500 * time.Millisecond

// Effect is part of Fault.
func (keeperCrash) Effect() Effect { return EndsKeepers }

// About is part of Fault.
func (keeperCrash) About() About {
	return About{
		Group: Processes, Does: "kills the keepers of all nodes, again and again",
		Incident: "Per-node agents take what depends on them along: Cilium's DNS proxy dies with its agent, and names that were resolved stop working.",
		Source:   "https://github.com/cilium/cilium/issues/30984",
		Expect:   "Nobody is hit: cells need no keeper for what they know.",
		Look:     "A single error. A sidecar has no keeper.",
	}
}

// Describe is part of Fault.
func (f keeperCrash) Describe(Target) string {
	return fmt.Sprintf("crash of the keepers of all nodes, every %v for %v", f.every, f.lasts)
}

// Inject is part of Fault. The first kill is done when it returns; the others follow in
// a goroutine, which the undo ends and waits for.
func (f keeperCrash) Inject(ctx context.Context, t Target) (Injected, error) {
	at, note, err := killAll(t, t.Keepers)
	if err != nil {
		return Injected{}, fmt.Errorf("%s: %w", f.Name(), err)
	}
	going, stop := context.WithCancel(context.WithoutCancel(ctx))
	ended := make(chan error, 1)
	go func() { ended <- f.goOn(going, t) }()
	return Injected{At: at, Note: note, Undo: func(context.Context) error {
		stop()
		return <-ended
	}}, nil
}

// goOn kills the successors until the time is over. That none is there is worth a
// line and not the end: the next may be.
func (f keeperCrash) goOn(ctx context.Context, t Target) error {
	ctx, cancel := context.WithTimeout(ctx, f.lasts)
	defer cancel()
	tick := time.NewTicker(f.every)
	defer tick.Stop()
	for {
		select {
		case <-tick.C:
		case <-ctx.Done():
			return nil
		}
		at, note, err := killAll(t, t.Keepers)
		if err != nil {
			note = "not killed: " + err.Error()
		}
		t.Saw(at, note)
	}
}

// killAll kills what find finds, and says when and whom.
func killAll(t Target, find func() ([]Process, error)) (at int64, note string, err error) {
	at = t.Now()
	procs, err := find()
	if err != nil {
		return at, "", err
	}
	if len(procs) == 0 {
		return at, "", &NothingServesError{t.Culprit}
	}
	for _, p := range procs {
		if err := t.Signal(p.PID, syscall.SIGKILL); err != nil && !errors.Is(err, os.ErrProcessDone) {
			return at, "", fmt.Errorf("kill %s (pid %d): %w", p.Name, p.PID, err)
		}
	}
	return at, noted("SIGKILL", procs...), nil
}

// needsKeeper is a *NothingServesError where the data plane has no keepers.
func needsKeeper(t Target, name string) error {
	keepers, err := t.Keepers()
	if err == nil && len(keepers) == 0 {
		err = &NothingServesError{t.Culprit}
	}
	if err != nil {
		return fmt.Errorf("%s: %w", name, err)
	}
	return nil
}

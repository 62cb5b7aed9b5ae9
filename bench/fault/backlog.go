package fault

import (
	"context"
	"errors"
	"fmt"
	"syscall"
	"time"

	"github.com/bulkhead-mesh/bulkhead/bench/crowd"
)

// Backlog has the queue of connections at the culprit's door overflow: what accepts them
// stands still until that has happened, and goes on with a full queue behind it. Those
// that share the process stand still as well for that moment; what the queue of one
// workload costs them afterwards is what the drill is about.
var Backlog = backlog{times: 8, lasts: 4 * time.Second}

type backlog struct {
	times int
	lasts time.Duration
}

const (
	stillAtMost = 2 * time.Second
	stillLook   = 5 * time.Millisecond
)

// Name is part of Fault.
func (backlog) Name() string { return "backlog" }

// Effect is part of Fault.
func (backlog) Effect() Effect { return Hampers }

// Lasts is part of Lasting.
func (f backlog) Lasts() time.Duration { return f.lasts }

// For is part of Timed.
func (f backlog) For(d time.Duration) Fault { f.lasts = d; return f }

// Times is part of Scaled. 0 times nobody comes, and nothing stands still.
func (f backlog) Times(n int) Fault { f.times = n; return f }

// About is part of Fault.
func (backlog) About() About {
	return About{
		Group: Resources, Does: "has the queue of connections at the culprit's door overflow",
		Incident: "After a pause a server meets all that came meanwhile at once; what did not fit into the queue comes back after a second, and again.",
		Expect:   "Whoever shares the process stands still for a moment, a few hundred milliseconds. Afterwards each workload has its own queue: that of the culprit is nobody else's.",
		Look:     "How long bystanders of the same process are late: as long as the pause, or as long as the queue.",
	}
}

// Describe is part of Fault.
func (f backlog) Describe(t Target) string {
	return fmt.Sprintf("backlog of %s on %s: more connections than fit, %d times the usual, while what accepts them stands still", t.Culprit, t.Node, f.times)
}

// Inject is part of Fault. The connections go when their time is over, or at the undo.
func (f backlog) Inject(ctx context.Context, t Target) (Injected, error) {
	if f.times == 0 {
		return Injected{At: t.Now(), Note: "0 times: nobody comes", Undo: nothing}, nil
	}
	serving, err := t.Serving()
	if err != nil {
		return Injected{}, fmt.Errorf("backlog: %w", err)
	}
	if len(serving) == 0 {
		return Injected{}, &NothingServesError{t.Culprit}
	}
	at := t.Now()
	note, err := t.Crowd(ctx, crowd.Burst, f.times)
	if err != nil {
		return Injected{}, fmt.Errorf("backlog: %w", err)
	}
	still, err := f.overflow(ctx, t, serving)
	if err != nil {
		_, undone := t.Disperse()
		return Injected{}, errors.Join(fmt.Errorf("backlog: %w", err), undone)
	}
	return Injected{At: at, Note: note + "; " + still, Undo: standing(ctx, f.lasts, func() error {
		note, err := t.Disperse()
		t.Saw(t.Now(), "the crowd has gone; "+note)
		return err
	})}, nil
}

// overflow has the processes stand still until a connection has been dropped for want of
// room, and says how it went.
func (f backlog) overflow(ctx context.Context, t Target, serving []Process) (note string, err error) {
	before, err := t.Overflows()
	if err != nil {
		return "", err
	}
	var stopped []Process
	defer func() {
		err = errors.Join(err, goOn(t, stopped))
	}()
	began := t.Now()
	for _, p := range serving {
		if err := t.Signal(p.PID, syscall.SIGSTOP); err != nil {
			return "", fmt.Errorf("stop %s (pid %d): %w", p.Name, p.PID, err)
		}
		stopped = append(stopped, p)
	}
	ctx, cancel := context.WithTimeout(ctx, stillAtMost)
	defer cancel()
	look := time.NewTicker(stillLook)
	defer look.Stop()
	for {
		now, err := t.Overflows()
		if err != nil {
			return "", err
		}
		if now > before {
			return fmt.Sprintf("%s stood still for %v until the queue overflowed", serving[0].Name, time.Duration(t.Now()-began)), nil
		}
		select {
		case <-look.C:
		case <-ctx.Done():
			return fmt.Sprintf("%s stood still for %v, and the queue did not overflow", serving[0].Name, time.Duration(t.Now()-began)), nil
		}
	}
}

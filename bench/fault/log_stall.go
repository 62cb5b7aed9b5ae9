package fault

import (
	"context"
	"fmt"
	"time"
)

// LogStall has whoever reads the log of the culprit's data plane stop: the pipe is full
// after a few access lines, and who writes another one waits.
var LogStall = logStall{lasts: 4 * time.Second}

type logStall struct{ lasts time.Duration }

// Name is part of Fault.
func (logStall) Name() string { return "log-stall" }

// Effect is part of Fault. A log is no reason to keep anybody waiting: nobody may be hit.
func (logStall) Effect() Effect { return Spares }

// Lasts is part of Lasting.
func (f logStall) Lasts() time.Duration { return f.lasts }

// For is part of Timed.
func (f logStall) For(d time.Duration) Fault { f.lasts = d; return f }

// About is part of Fault.
func (logStall) About() About {
	return About{
		Group: Resources, Does: "has nobody read what the culprit's data plane logs",
		Incident: "A proxy whose access log never loses a line waits for whoever reads it, and with it every workload that it serves.",
		Expect:   "Nobody is hit in any isolation: lines are dropped and counted.",
		Look:     "Whether anybody waits while the pipe is full. On a node it is one pipe for all cells.",
	}
}

// Describe is part of Fault.
func (f logStall) Describe(t Target) string {
	return fmt.Sprintf("stall of the log of what serves %s on %s for %v", t.Culprit, t.Node, f.lasts)
}

// Inject is part of Fault. It is read again when the time is over, or at the undo.
func (f logStall) Inject(ctx context.Context, t Target) (Injected, error) {
	serving, err := t.Serving()
	if err != nil {
		return Injected{}, fmt.Errorf("log-stall: %w", err)
	}
	if len(serving) == 0 {
		return Injected{}, &NothingServesError{t.Culprit}
	}
	at := t.Now()
	note, resume, err := t.StallLog()
	if err != nil {
		return Injected{}, fmt.Errorf("log-stall: %w", err)
	}
	return Injected{At: at, Note: note, Undo: standing(ctx, f.lasts, func() error {
		err := resume()
		t.Saw(t.Now(), "the log is read again")
		return err
	})}, nil
}

package triage

import (
	"context"
	"time"
)

// Span is how far back a watch looks: long enough that an event is not forgotten while
// people read of it, short enough that what is over is not said for long.
const Span = 12 * time.Second

// Watch keeps the last observations and diagnoses them. It is for one goroutine.
type Watch struct {
	asker  *Asker
	window []Observation
}

// NewWatch watches some admin sockets, by path.
func NewWatch(sockets ...string) *Watch { return &Watch{asker: NewAsker(sockets...)} }

// Look asks every socket, and diagnoses what is known by now.
func (w *Watch) Look(ctx context.Context) []Finding {
	w.Add(w.asker.Ask(ctx))
	return Diagnose(w.window)
}

// Add takes an observation that somebody else made; it is the newest.
func (w *Watch) Add(o Observation) {
	w.window = append(w.window, o)
	for len(w.window) > 2 && o.At.Sub(w.window[1].At) >= Span {
		w.window = w.window[1:]
	}
}

// Window is what is known, oldest first.
func (w *Watch) Window() []Observation { return w.window }

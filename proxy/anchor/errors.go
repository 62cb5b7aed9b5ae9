package anchor

import "errors"

// ErrGone says that the anchor has ended; so must the keeper.
var ErrGone = errors.New("anchor: the anchor is gone")

// RefusedError says that the anchor did not do what it was asked, and why.
type RefusedError struct {
	Verb   string // hold, drop, fetch, start, signal, quit
	Name   string
	Reason string
}

func (e *RefusedError) Error() string {
	return "anchor: " + e.Verb + " " + e.Name + ": " + e.Reason
}

// Reasons, as sentences: they travel as text.
var (
	errNothingHeld = errors.New("nothing is held under that name")
	errNotRunning  = errors.New("no such process runs")
	errStopping    = errors.New("the anchor is ending")
)

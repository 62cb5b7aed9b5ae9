package telemetry

import (
	"io"
	"log/slog"
)

// atomicWrite is how much a pipe takes in one piece (PIPE_BUF, pipe(7)): all processes of
// a node share one, and a line must not end in the middle of another's.
const atomicWrite = 4096

// NewAccess returns the handler for a Sink of access lines. It writes several lines
// at once, as many as wait: each write wakes whoever reads the pipe, and with a thousand
// connections a second that would be a tenth of what they cost.
func NewAccess(w io.Writer, c LogConfig, attrs ...slog.Attr) slog.Handler {
	b := &lineBuffer{w: w}
	return &access{Handler: c.Handler(b, c.accessLevel()).WithAttrs(attrs), lines: b}
}

// access is for one goroutine, a Sink's.
type access struct {
	slog.Handler
	lines *lineBuffer
}

// Flush writes what is there. A log that fails has nowhere to say so.
func (a *access) Flush() { a.lines.flush() }

// lineBuffer keeps whole lines.
type lineBuffer struct {
	w io.Writer
	b []byte
}

func (l *lineBuffer) Write(line []byte) (int, error) {
	if len(l.b)+len(line) > atomicWrite {
		l.flush()
	}
	l.b = append(l.b, line...)
	return len(line), nil
}

func (l *lineBuffer) flush() {
	if len(l.b) == 0 {
		return
	}
	_, _ = l.w.Write(l.b)
	if l.b = l.b[:0]; cap(l.b) > 2*atomicWrite { // one long line made it grow
		l.b = nil
	}
}

package telemetry

import (
	"log/slog"
	"sync"
	"sync/atomic"
	"time"
)

// sinkDepth bounds the lines that wait for a slow log: about 1 MiB.
const sinkDepth = 2048

// Sink writes access lines without ever blocking the data path.
type Sink struct {
	handler slog.Handler
	lines   chan slog.Record
	dropped atomic.Uint64
	done    chan struct{}
	close   sync.Once
}

// NewSink starts the sink's writer; Close ends it.
func NewSink(h slog.Handler) *Sink {
	s := &Sink{handler: h, lines: make(chan slog.Record, sinkDepth), done: make(chan struct{})}
	go s.write()
	return s
}

// Write queues the record's line, or drops and counts it when the log is stuck.
func (s *Sink) Write(r *Record) {
	select {
	case s.lines <- r.line(time.Now()):
	default:
		s.dropped.Add(1)
	}
}

// Dropped is how many lines were lost so far.
func (s *Sink) Dropped() uint64 { return s.dropped.Load() }

// Close writes what is queued and stops the writer, waiting for a stuck log for at
// most a second. Write must not be called any more.
func (s *Sink) Close() {
	s.close.Do(func() { close(s.lines) })
	select {
	case <-s.done:
	case <-time.After(time.Second):
	}
}

func (s *Sink) write() {
	defer close(s.done)
	for l := range s.lines {
		handle(s.handler, l)
	}
}

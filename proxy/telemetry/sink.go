package telemetry

import (
	"context"
	"log/slog"
	"sync"
	"sync/atomic"
	"time"
)

const (
	// sinkDepth bounds the lines that wait for a slow log: about 1 MiB.
	sinkDepth = 2048
	// sinkKept bounds what is kept for the next lines once all are written.
	sinkKept = 16
)

// Sink writes access lines without ever blocking the data path.
//
// Lines wait in a slice that grows, and not in a channel: one of sinkDepth lines
// is 576 KiB from the start, more than all else that an idle cell has on its heap.
type Sink struct {
	handler slog.Handler
	dropped atomic.Uint64
	done    chan struct{}

	mu     sync.Mutex
	wake   sync.Cond // write waits here
	lines  []slog.Record
	taken  int // lines that write has taken and not begun with
	closed bool
}

// NewSink starts the sink's writer; Close ends it.
func NewSink(h slog.Handler) *Sink {
	s := &Sink{handler: h, done: make(chan struct{})}
	s.wake.L = &s.mu
	go s.write()
	return s
}

// Write queues the record's line, if the log wants it, or drops and counts it when the log
// is stuck.
func (s *Sink) Write(r *Record) {
	if s.wants(r.level()) {
		s.queue(r.line(time.Now()))
	}
}

// Opened is Write for a connection that begins to carry bytes.
func (s *Sink) Opened(r *Record) {
	if s.wants(slog.LevelDebug) {
		s.queue(r.opened(time.Now()))
	}
}

func (s *Sink) wants(l slog.Level) bool { return s.handler.Enabled(context.Background(), l) }

func (s *Sink) queue(l slog.Record) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.taken+len(s.lines) >= sinkDepth {
		s.dropped.Add(1)
		return
	}
	s.lines = append(s.lines, l)
	s.wake.Signal()
}

// Dropped is how many lines were lost so far.
func (s *Sink) Dropped() uint64 { return s.dropped.Load() }

// Close writes what is queued and stops the writer, waiting for a stuck log for at
// most a second. Write must not be called any more.
func (s *Sink) Close() {
	s.mu.Lock()
	s.closed = true
	s.wake.Signal()
	s.mu.Unlock()
	select {
	case <-s.done:
	case <-time.After(time.Second):
	}
}

func (s *Sink) write() {
	defer close(s.done)
	var batch []slog.Record
	for {
		batch = s.take(batch)
		if len(batch) == 0 {
			return
		}
		for _, l := range batch {
			s.next()
			handle(s.handler, l)
		}
		if f, ok := s.handler.(interface{ Flush() }); ok {
			f.Flush()
		}
	}
}

// take waits for lines and leaves the batch before in their place, if it is small:
// a burst must not be kept for ever. Nothing means that the sink is closed.
func (s *Sink) take(before []slog.Record) []slog.Record {
	clear(before)
	if cap(before) > sinkKept {
		before = nil
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	for len(s.lines) == 0 && !s.closed {
		s.wake.Wait()
	}
	batch := s.lines
	s.lines, s.taken = before[:0], len(batch)
	return batch
}

// next takes a line out of those that wait.
func (s *Sink) next() {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.taken--
}

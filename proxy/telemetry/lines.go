package telemetry

import (
	"fmt"
	"io"
	"sync"
	"time"
)

// maxLines bounds the bytes that wait for a log that is stuck.
const maxLines = 1 << 20

// Lines is a log that nobody waits for: what is written waits for w in a queue, and what
// does not fit is counted and said later. All processes of a node share one pipe, so a
// cell that fills it, or a reader that has stopped, would stop keeper and anchor too if
// they wrote to it themselves.
//
// It is for slog, which writes each line at once. Sink is the same for access lines,
// before they are made into text.
type Lines struct {
	w    io.Writer
	done chan struct{}

	mu      sync.Mutex
	wake    sync.Cond // run waits here
	queue   [][]byte
	size    int // bytes in queue, those in run's hands included
	dropped int // lines, not said yet
	closed  bool
}

// NewLines starts the queue; Close ends it.
func NewLines(w io.Writer) *Lines {
	l := &Lines{w: w, done: make(chan struct{})}
	l.wake.L = &l.mu
	go l.run()
	return l
}

// Write queues one line, or drops it. It does not fail.
func (l *Lines) Write(line []byte) (int, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.closed || l.size+len(line) > maxLines {
		l.dropped++
		return len(line), nil
	}
	l.queue = append(l.queue, append([]byte(nil), line...))
	l.size += len(line)
	l.wake.Signal()
	return len(line), nil
}

// Close writes what is queued, for at most a second.
func (l *Lines) Close() {
	l.mu.Lock()
	l.closed = true
	l.wake.Signal()
	l.mu.Unlock()
	select {
	case <-l.done:
	case <-time.After(time.Second):
	}
}

func (l *Lines) run() {
	defer close(l.done)
	for {
		lines, dropped := l.take()
		for _, line := range lines {
			_, _ = l.w.Write(line) // a log that fails has nowhere to say so
			l.give(len(line))
		}
		if dropped > 0 {
			fmt.Fprintf(l.w, `{"time":%q,"level":"WARN","msg":"the log was stuck","lines_dropped":%d}`+"\n", time.Now().Format(time.RFC3339Nano), dropped)
		}
		if len(lines) == 0 && dropped == 0 {
			return
		}
	}
}

// take waits for lines; nothing means that the queue is closed.
func (l *Lines) take() (lines [][]byte, dropped int) {
	l.mu.Lock()
	defer l.mu.Unlock()
	for len(l.queue) == 0 && l.dropped == 0 && !l.closed {
		l.wake.Wait()
	}
	lines, dropped = l.queue, l.dropped
	l.queue, l.dropped = nil, 0
	return lines, dropped
}

func (l *Lines) give(n int) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.size -= n
}

package wire

import (
	"io"
	"sync"
	"sync/atomic"
	"time"
)

// Waiting frames of one direction: as netem's default, some round trips of a busy link.
const queue = 4096

// maxFrame is a frame of the largest usual MTU with its header.
const maxFrame = 9216

// Delays says how long a frame shall wait; 0 sends it at once, past those that wait.
type Delays func(frame []byte) time.Duration

// Relay copies frames between two devices, late.
type Relay struct {
	a, b    io.ReadWriteCloser
	delays  Delays
	stop    chan struct{}
	running sync.WaitGroup
	dropped atomic.Int64
}

// waiting is a frame that came and is not due yet.
type waiting struct {
	due   time.Time
	frame []byte
}

// NewRelay relays between a and b, whose Read returns one frame and whose Close ends a
// Read that waits.
func NewRelay(a, b io.ReadWriteCloser, delays Delays) *Relay {
	r := &Relay{a: a, b: b, delays: delays, stop: make(chan struct{})}
	r.direction(a, b)
	r.direction(b, a)
	return r
}

// Dropped is how many frames did not fit in a queue, or could not be written.
func (r *Relay) Dropped() int64 { return r.dropped.Load() }

// Close ends the relay; what waits is lost.
func (r *Relay) Close() error {
	close(r.stop)
	errA, errB := r.a.Close(), r.b.Close()
	r.running.Wait()
	if errA != nil {
		return errA
	}
	return errB
}

func (r *Relay) direction(from io.Reader, to io.Writer) {
	late := make(chan waiting, queue)
	r.running.Go(func() { r.take(from, to, late) })
	r.running.Go(func() { r.release(to, late) })
}

// take reads until the device is closed.
func (r *Relay) take(from io.Reader, to io.Writer, late chan<- waiting) {
	buf := make([]byte, maxFrame)
	for {
		n, err := from.Read(buf)
		if err != nil {
			return
		}
		d := r.delays(buf[:n])
		if d == 0 {
			r.write(to, buf[:n])
			continue
		}
		select {
		case late <- waiting{time.Now().Add(d), append([]byte(nil), buf[:n]...)}:
		default:
			r.dropped.Add(1)
		}
	}
}

// release writes what is due, in the order in which it came.
func (r *Relay) release(to io.Writer, late <-chan waiting) {
	timer := time.NewTimer(0)
	defer timer.Stop()
	for {
		select {
		case w := <-late:
			timer.Reset(time.Until(w.due))
			select {
			case <-timer.C:
				r.write(to, w.frame)
			case <-r.stop:
				return
			}
		case <-r.stop:
			return
		}
	}
}

// write never gives up: a device that is down for a moment loses a frame, as any does.
func (r *Relay) write(to io.Writer, frame []byte) {
	if _, err := to.Write(frame); err != nil {
		r.dropped.Add(1)
	}
}

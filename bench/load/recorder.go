package load

import (
	"bytes"
	"encoding/json"
	"io"
	"sync/atomic"
	"time"
)

const (
	queueLen   = 1 << 14               // records; minutes of a pod's traffic
	flushEvery = 40 * time.Millisecond // a record is never older than 50 ms when it leaves
	flushSize  = 32 << 10
)

// recorder carries records from the clients to the output. Clients only ever do a
// non-blocking send: a reader that is slow costs records, which are counted, and
// never a delayed request, which nobody would notice.
type recorder struct {
	queue chan Line
	lost  atomic.Int64
	done  chan error // the writer's end, one value
}

// newRecorder starts the writer; end stops it.
func newRecorder(out io.Writer) *recorder {
	r := &recorder{queue: make(chan Line, queueLen), done: make(chan error, 1)}
	go r.write(out)
	return r
}

// record hands over one record or counts it as lost.
func (r *recorder) record(rec Record) {
	select {
	case r.queue <- Line{Record: rec}:
	default:
		r.lost.Add(1)
	}
}

// event hands over an event, waiting for room: events are few and must arrive.
// After the writer failed nothing has room any more, so it gives up with it.
func (r *recorder) event(l Line, give <-chan struct{}) {
	select {
	case r.queue <- l:
	case <-give:
	}
}

// end closes the queue and waits at most wait for the writer to empty it. No
// producer may be left.
func (r *recorder) end(wait time.Duration) error {
	close(r.queue)
	select {
	case err := <-r.done:
		return err
	case <-time.After(wait):
		return nil // the reader of out does not read; its write ends with the process
	}
}

// write is the only goroutine that touches out.
func (r *recorder) write(out io.Writer) {
	var failed error
	var buf bytes.Buffer
	var told int64
	flush := func() {
		if n := r.lost.Load(); n != told {
			told = n
			appendLine(&buf, Line{Event: EventLost, Lost: n})
		}
		if buf.Len() > 0 && failed == nil {
			_, failed = out.Write(buf.Bytes())
		}
		buf.Reset()
	}
	tick := time.NewTicker(flushEvery)
	defer tick.Stop()
	for {
		select {
		case l, ok := <-r.queue:
			if !ok {
				flush()
				r.done <- failed
				return
			}
			appendLine(&buf, l)
			// Whoever asked for the clock waits: how long is how far it may be off.
			if buf.Len() >= flushSize || l.Event == EventClock {
				flush()
			}
		case <-tick.C:
			flush()
		}
	}
}

func appendLine(buf *bytes.Buffer, l Line) {
	if l.Event == "" {
		buf.Write(l.Record.AppendJSON(buf.AvailableBuffer()))
	} else {
		b, _ := json.Marshal(eventLine{l.Event, l.Lost, l.Message, l.At}) // strings and numbers
		buf.Write(b)
	}
	buf.WriteByte('\n')
}

// eventLine is a Line without its record.
type eventLine struct {
	Event   string `json:"event"`
	Lost    int64  `json:"lost,omitempty"`
	Message string `json:"message,omitempty"`
	At      int64  `json:"at,omitempty"`
}

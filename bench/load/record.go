package load

import (
	"bytes"
	"encoding/json"
	"fmt"
	"io"
	"strconv"
)

// Classes of failure, as Record.Error carries them.
const (
	Refused     = "refused"     // nobody listens
	Reset       = "reset"       // the peer or the network cut the connection
	Timeout     = "timeout"     // no answer within the flow's timeout of the planned time
	EOF         = "eof"         // the peer ended the connection before the answer
	Wrong       = "wrong"       // other bytes, or a client address other than the expected one
	Unreachable = "unreachable" // no route, network down
	Local       = "local"       // the sampler itself failed (descriptors, ports): says nothing about the path
)

// Break is the sequence number of a record that tells of a broken long-lived
// connection, not of a request: a connection may break with nothing outstanding.
const Break = -1

// Record is what happened to one planned request. Times are CLOCK_MONOTONIC in
// nanoseconds. For a Break all three are the time of the break.
type Record struct {
	Flow    int    `json:"f"`
	Seq     int    `json:"n"` // k of the planned send, or Break
	Planned int64  `json:"p"` // when it should have been sent
	Sent    int64  `json:"s"` // when the sampler began with it (dial or write); zero: never, it waited for a dial in vain
	Done    int64  `json:"d"` // when the answer was complete, or the failure known
	Error   string `json:"e,omitempty"`
	Peer    string `json:"a,omitempty"` // client IP address that the server saw
}

// AppendJSON appends the record as one JSON object. It exists because the sampler
// shares two cores with what it measures; the form is that of encoding/json.
func (r Record) AppendJSON(b []byte) []byte {
	b = strconv.AppendInt(append(b, `{"f":`...), int64(r.Flow), 10)
	b = strconv.AppendInt(append(b, `,"n":`...), int64(r.Seq), 10)
	b = strconv.AppendInt(append(b, `,"p":`...), r.Planned, 10)
	b = strconv.AppendInt(append(b, `,"s":`...), r.Sent, 10)
	b = strconv.AppendInt(append(b, `,"d":`...), r.Done, 10)
	if r.Error != "" { // classes and addresses need no escaping
		b = append(append(append(b, `,"e":"`...), r.Error...), '"')
	}
	if r.Peer != "" {
		b = append(append(append(b, `,"a":"`...), r.Peer...), '"')
	}
	return append(b, '}')
}

// Events of a Line.
const (
	EventReady   = "ready"   // the servers listen
	EventStopped = "stopped" // after a stop: every request has its record
	EventLost    = "lost"    // Lost records so far did not fit the queue: the run is invalid
	EventError   = "error"   // Message says which command was refused and why
	EventClock   = "clock"   // At is Now, read between the command that asked and this line
)

// Line is one line of Serve's output: a record when Event is empty.
type Line struct {
	Record
	Event   string `json:"event,omitempty"`
	Lost    int64  `json:"lost,omitempty"`
	Message string `json:"message,omitempty"`
	At      int64  `json:"at,omitempty"`
}

// ParseLine reads one line of Serve's output; unknown keys are refused.
func ParseLine(b []byte) (Line, error) {
	if r, ok := scanRecord(b); ok {
		return Line{Record: r}, nil
	}
	var l Line
	if err := strict(b, &l); err != nil {
		return Line{}, fmt.Errorf("line of a load process: %w", err)
	}
	switch l.Event {
	case "", EventReady, EventStopped, EventLost, EventError, EventClock:
		return l, nil
	}
	return Line{}, fmt.Errorf("line of a load process: unknown event %q", l.Event)
}

// strict decodes exactly one JSON value without unknown keys.
func strict(b []byte, v any) error {
	d := json.NewDecoder(bytes.NewReader(b))
	d.DisallowUnknownFields()
	if err := d.Decode(v); err != nil {
		return err
	}
	if _, err := d.Token(); err != io.EOF {
		return fmt.Errorf("more than one JSON value")
	}
	return nil
}

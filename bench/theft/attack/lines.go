package attack

import (
	"bufio"
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/netip"
	"strconv"
	"strings"

	"golang.org/x/sys/unix"

	"github.com/bulkhead-mesh/bulkhead/bench/trust"
	"github.com/bulkhead-mesh/bulkhead/proxy/tunnel"
)

// Line is one line of what the attack says; its log has others between them. Exactly one
// of Begin, End and Done is set.
type Line struct {
	Begin *trust.Attempt `json:"begin,omitempty"`
	// Last goes with the Begin of the last attempt, which may be the end of the attack.
	Last bool  `json:"last,omitempty"`
	End  *End  `json:"end,omitempty"`
	Done *Done `json:"done,omitempty"`
}

// End is what came of the attempt that began last.
type End struct {
	trust.Attempt
	// Packet is one that was sent: whether the attempt succeeded is for the observer to say.
	Packet *Packet `json:"packet,omitempty"`
}

// Packet is what the observer would see.
type Packet struct {
	Source netip.Addr `json:"source"`
	Port   uint16     `json:"port"`
}

// Done ends the attack.
type Done struct {
	Error string `json:"error,omitempty"` // why it ended early
}

// prefix begins the attack's lines, as a JSON key that no other line of the log has.
const prefix = `{"attack":`

func (l Line) write(w io.Writer) error {
	b, err := json.Marshal(struct {
		Attack Line `json:"attack"`
	}{l})
	if err != nil {
		return err
	}
	_, err = w.Write(append(b, '\n')) // one write: the log has other writers
	return err
}

// maxLine is many times what a line is.
const maxLine = 256 << 10

// Read reads what an attack has said so far. Saw tells what the observer saw; an attempt
// that began and did not end killed the attack. Done is nil while it goes on.
func Read(log io.Reader, saw func(Packet) bool) (attempts []trust.Attempt, done *Done, err error) {
	lines := bufio.NewScanner(log)
	lines.Buffer(nil, maxLine)
	lines.Split(wholeLines)
	var open *trust.Attempt
	last := false
	for lines.Scan() {
		l, ok, err := parse(lines.Bytes())
		if err != nil {
			return nil, nil, err
		}
		if !ok || done != nil {
			continue
		}
		switch {
		case l.Begin != nil:
			if open != nil { // started again by whoever restarts cells
				attempts = append(attempts, killed(*open))
			}
			if open != nil && last {
				done = &Done{} // the rest would be the same again
			}
			open, last = l.Begin, l.Last
		case l.End != nil:
			attempts, open = append(attempts, l.End.judged(saw)), nil
		case l.Done != nil:
			done = l.Done
		}
	}
	if open != nil && done == nil {
		attempts = append(attempts, killed(*open))
	}
	return attempts, done, lines.Err()
}

// wholeLines leaves out what is still being written.
func wholeLines(data []byte, _ bool) (advance int, line []byte, err error) {
	i := bytes.IndexByte(data, '\n')
	if i < 0 {
		return 0, nil, nil
	}
	return i + 1, data[:i], nil
}

func parse(line []byte) (l Line, ok bool, err error) {
	if !bytes.HasPrefix(line, []byte(prefix)) {
		return l, false, nil
	}
	var outer struct {
		Attack Line `json:"attack"`
	}
	d := json.NewDecoder(bytes.NewReader(line))
	d.DisallowUnknownFields()
	if err := d.Decode(&outer); err != nil {
		return l, false, fmt.Errorf("attack: line %.100q: %w", line, err)
	}
	return outer.Attack, true, nil
}

func killed(a trust.Attempt) trust.Attempt {
	a.Outcome = trust.Killed
	return a
}

// judged has the observer decide about a packet.
func (e *End) judged(saw func(Packet) bool) trust.Attempt {
	a := e.Attempt
	if e.Packet == nil {
		return a
	}
	if saw(*e.Packet) {
		a.Outcome, a.Errno = trust.Succeeded, ""
		a.Note = fmt.Sprintf("the observer saw it come from %s", e.Packet.Source)
		return a
	}
	a.Outcome = trust.Refused
	if a.Errno == "" {
		a.Errno = "not seen"
	}
	return a
}

// word is the errno's name, or what was said instead of one.
func word(err error) string {
	var errno unix.Errno
	if errors.As(err, &errno) {
		if name := unix.ErrnoName(errno); name != "" {
			return name
		}
	}
	var status *tunnel.StatusError
	if errors.As(err, &status) {
		return strconv.Itoa(status.Status)
	}
	text := err.Error()
	if _, remote, ok := strings.Cut(text, "remote error: "); ok {
		text = remote // an alert of TLS
	}
	if i := strings.IndexByte(text, '\n'); i >= 0 {
		text = text[:i]
	}
	const most = 120
	if len(text) > most {
		text = text[:most]
	}
	return text
}

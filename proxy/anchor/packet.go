package anchor

import (
	"encoding/binary"
	"fmt"

	"github.com/bulkhead-mesh/bulkhead/proxy/channel"
)

// verb says what a packet is. Lower case: from the keeper. Upper case: to it.
type verb byte

const (
	verbAdopt  verb = 'a' // send me the inventory
	verbHold   verb = 'h' // name, label, one descriptor
	verbDrop   verb = 'd' // name
	verbFetch  verb = 'f' // name; the ack brings a descriptor
	verbStart  verb = 's' // name, label, argv, env, descriptors; number: 0 or startOwnPIDs
	verbSignal verb = 'k' // name, number: the signal
	verbSeen   verb = 'r' // name, number: pid. The keeper knows that it has ended; no ack
	verbQuit   verb = 'q'

	verbAck     verb = 'A' // id of the request; number: pid of verbStart; name: why not, empty when done
	verbHeld    verb = 'H' // name, label, one descriptor
	verbProcess verb = 'P' // name, label, number: pid
	verbAdopted verb = 'I' // the inventory is complete
	verbExited  verb = 'E' // name, label, number: pid, status
)

var verbNames = map[verb]string{
	verbAdopt: "adopt", verbHold: "hold", verbDrop: "drop", verbFetch: "fetch", verbStart: "start",
	verbSignal: "signal", verbSeen: "seen", verbQuit: "quit",
	verbAck: "ack", verbHeld: "held", verbProcess: "process", verbAdopted: "adopted", verbExited: "exited",
}

func (v verb) String() string {
	if s, ok := verbNames[v]; ok {
		return s
	}
	return fmt.Sprintf("verb %#x", byte(v))
}

// startOwnPIDs asks for a pid namespace.
const startOwnPIDs = 1

const (
	maxName    = 1024
	maxLabel   = 16 << 10
	maxStrings = 4096 // of argv, and of env
)

// packet is every message of both directions, in one layout:
//
//	verb 1 | id 4 | number 4 | status 4 | name 2+n | label 2+n | argv 2 × (2+n) | env 2 × (2+n)
//
// Big endian, each length before its bytes, nothing after. A layout per verb would
// save a few bytes in a conversation of a few packets a minute; this one has a single
// decoder to get right. A packet has exactly one encoding.
type packet struct {
	verb   verb
	id     uint32
	number uint32
	status uint32
	name   string
	label  []byte
	argv   []string
	env    []string
}

// MalformedError says that a packet breaks the framing or lacks what its verb needs.
type MalformedError struct{ Reason string }

func (e *MalformedError) Error() string { return "anchor: malformed packet: " + e.Reason }

// encode checks the limits, so that what is refused is refused at its sender.
func (p packet) encode() ([]byte, error) {
	if err := p.checkLimits(); err != nil {
		return nil, err
	}
	b := make([]byte, 0, 128)
	b = append(b, byte(p.verb))
	b = binary.BigEndian.AppendUint32(b, p.id)
	b = binary.BigEndian.AppendUint32(b, p.number)
	b = binary.BigEndian.AppendUint32(b, p.status)
	b = appendBytes(b, p.name)
	b = appendBytes(b, string(p.label))
	b = appendStrings(b, p.argv)
	b = appendStrings(b, p.env)
	if len(b) > channel.MaxPacket {
		return nil, &MalformedError{fmt.Sprintf("%s of %d bytes, at most %d", p.verb, len(b), channel.MaxPacket)}
	}
	return b, nil
}

func (p packet) checkLimits() error {
	total := len(p.name) + len(p.label)
	for _, list := range [][]string{p.argv, p.env} {
		if len(list) > maxStrings {
			return &MalformedError{fmt.Sprintf("%d strings, at most %d", len(list), maxStrings)}
		}
		for _, s := range list {
			total += len(s)
		}
	}
	switch {
	case len(p.name) > maxName:
		return &MalformedError{fmt.Sprintf("name of %d bytes, at most %d", len(p.name), maxName)}
	case len(p.label) > maxLabel:
		return &MalformedError{fmt.Sprintf("label of %d bytes, at most %d", len(p.label), maxLabel)}
	case total > channel.MaxPacket: // so that each length fits its 2 bytes
		return &MalformedError{fmt.Sprintf("%d bytes, at most %d", total, channel.MaxPacket)}
	}
	return nil
}

func appendBytes(b []byte, s string) []byte {
	return append(binary.BigEndian.AppendUint16(b, uint16(len(s))), s...)
}

func appendStrings(b []byte, list []string) []byte {
	b = binary.BigEndian.AppendUint16(b, uint16(len(list)))
	for _, s := range list {
		b = appendBytes(b, s)
	}
	return b
}

func decode(b []byte) (packet, error) {
	d := decoder{rest: b}
	p := packet{verb: verb(d.take(1, "verb")[0])}
	p.id = binary.BigEndian.Uint32(d.take(4, "id"))
	p.number = binary.BigEndian.Uint32(d.take(4, "number"))
	p.status = binary.BigEndian.Uint32(d.take(4, "status"))
	p.name = string(d.bytes("name"))
	p.label = d.bytes("label")
	p.argv = d.strings("argv")
	p.env = d.strings("env")
	if d.err == nil && len(d.rest) > 0 {
		d.err = &MalformedError{fmt.Sprintf("%d bytes after the end", len(d.rest))}
	}
	if d.err != nil {
		return packet{}, d.err
	}
	return p, p.checkLimits()
}

// decoder takes fields off the front; after its first error it returns zeros.
type decoder struct {
	rest []byte
	err  error
}

func (d *decoder) take(n int, what string) []byte {
	if d.err == nil && len(d.rest) < n {
		d.err = &MalformedError{"ends within its " + what}
	}
	if d.err != nil {
		return make([]byte, n)
	}
	b := d.rest[:n:n]
	d.rest = d.rest[n:]
	return b
}

// bytes is nil for an empty field, so that decode(encode(p)) equals p.
func (d *decoder) bytes(what string) []byte {
	n := int(binary.BigEndian.Uint16(d.take(2, what)))
	if d.err != nil || n == 0 {
		return nil
	}
	return d.take(n, what)
}

func (d *decoder) strings(what string) []string {
	n := int(binary.BigEndian.Uint16(d.take(2, what)))
	if n > maxStrings && d.err == nil {
		d.err = &MalformedError{fmt.Sprintf("%s of %d strings, at most %d", what, n, maxStrings)}
	}
	var list []string
	for i := 0; i < n && d.err == nil; i++ {
		list = append(list, string(d.bytes(what)))
	}
	return list
}

// checkRequest says whether a packet of the keeper has what its verb needs, and how
// many descriptors came with it.
func (p packet) checkRequest(fds int) error {
	var needFDs int
	switch p.verb {
	case verbAdopt, verbQuit:
		return wantFDs(p.verb, fds, 0)
	case verbHold:
		needFDs = 1
	case verbStart:
		if len(p.argv) == 0 || p.argv[0] == "" {
			return &MalformedError{"start without a program"}
		}
		if p.number > startOwnPIDs {
			return &MalformedError{fmt.Sprintf("start in way %d, which is none", p.number)}
		}
		needFDs = fds // any number
	case verbDrop, verbFetch, verbSignal, verbSeen:
	default:
		return &MalformedError{p.verb.String() + " is not a request"}
	}
	if p.name == "" {
		return &MalformedError{p.verb.String() + " without a name"}
	}
	return wantFDs(p.verb, fds, needFDs)
}

// checkReport is checkRequest for a packet of the anchor.
func (p packet) checkReport(fds int) error {
	switch p.verb {
	case verbAck:
		return wantFDs(p.verb, fds, min(fds, 1)) // fetch brings one
	case verbHeld:
		return wantFDs(p.verb, fds, 1)
	case verbProcess, verbAdopted, verbExited:
		return wantFDs(p.verb, fds, 0)
	}
	return &MalformedError{p.verb.String() + " is not a report"}
}

func wantFDs(v verb, got, want int) error {
	if got != want {
		return &MalformedError{fmt.Sprintf("%s with %d descriptors, wants %d", v, got, want)}
	}
	return nil
}

package budget

import (
	"errors"
	"fmt"
)

// Limits are what one workload may use. A field that is 0 means its default.
type Limits struct {
	Connections          int `json:"connections,omitempty"`          // open at a time: captured ones and streams of peers
	ConnectionsPerSecond int `json:"connectionsPerSecond,omitempty"` // new ones; a second's worth may come at once
	Tunnels              int `json:"tunnels,omitempty"`              // to peers and from them
	HandshakesPerSecond  int `json:"handshakesPerSecond,omitempty"`  // as ConnectionsPerSecond
	Dials                int `json:"dials,omitempty"`                // TCP connects under way
	Bytes                int `json:"bytes,omitempty"`                // read from one side and not yet written to the other
}

// Defaults are far above what applications do and below what hurts a cell;
// docs/decisions/0007-budgets.md has the reasons.
var Defaults = Limits{
	Connections:          10_000,
	ConnectionsPerSecond: 1000,
	Tunnels:              1000,
	HandshakesPerSecond:  200,
	Dials:                256,
	Bytes:                32 << 20,
}

// minBytes is a few full stream windows: with less, one healthy transfer would meet
// its budget.
const minBytes = 1 << 20

// Over returns l with the fields that are 0 taken from base.
func (l Limits) Over(base Limits) Limits {
	own, under := l.fields(), base.fields()
	for i, f := range own {
		if *f.value == 0 {
			*f.value = *under[i].value
		}
	}
	return l
}

// Validate checks what a person or a keeper wrote; 0 is fine.
func (l Limits) Validate() error {
	var errs []error
	for _, f := range l.fields() {
		if *f.value < 0 {
			errs = append(errs, fmt.Errorf("budgets: %s is %d: use a positive number, or leave it out for the default", f.name, *f.value))
		}
	}
	if l.Bytes > 0 && l.Bytes < minBytes {
		errs = append(errs, fmt.Errorf("budgets: bytes is %d: use at least %d, which is four full stream windows", l.Bytes, minBytes))
	}
	return errors.Join(errs...)
}

type field struct {
	name  string
	value *int
}

func (l *Limits) fields() [6]field {
	return [6]field{
		{"connections", &l.Connections},
		{"connectionsPerSecond", &l.ConnectionsPerSecond},
		{"tunnels", &l.Tunnels},
		{"handshakesPerSecond", &l.HandshakesPerSecond},
		{"dials", &l.Dials},
		{"bytes", &l.Bytes},
	}
}

// Of is the limit of one resource.
func (l *Limits) Of(r Resource) int {
	switch r {
	case Connections:
		return l.Connections
	case NewConnections:
		return l.ConnectionsPerSecond
	case Tunnels:
		return l.Tunnels
	case Handshakes:
		return l.HandshakesPerSecond
	case Dials:
		return l.Dials
	case Bytes:
		return l.Bytes
	}
	return 0 // Memory is the cell's
}

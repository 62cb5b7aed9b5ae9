package identity

import (
	"errors"
	"time"
)

// Dates are what those of fresh SVIDs say of the clock of whoever signs them, beside this machine's. Which of the two
// is wrong they cannot say. The zero value has seen none.
type Dates struct {
	Refused uint64        `json:"refused"`         // SVIDs that were dated for another time, in all
	Ahead   time.Duration `json:"ahead,omitempty"` // of this machine's, at least, by the last SVID; below 0: behind
}

// Seen are the dates after one more answer: err is what was wrong with it. An answer without an SVID says nothing of a clock.
func (d Dates) Seen(err error) Dates {
	var elsewhere *DatedError
	switch {
	case err == nil:
		d.Ahead = 0
	case errors.As(err, &elsewhere):
		d.Refused, d.Ahead = d.Refused+1, elsewhere.Ahead()
	}
	return d
}

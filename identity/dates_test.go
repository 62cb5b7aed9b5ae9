package identity

import (
	"errors"
	"fmt"
	"testing"
	"time"
)

// The distance is that of the last SVID, also while nobody answers; what was refused is counted for good.
func TestDates(t *testing.T) {
	now := time.Unix(1e9, 0)
	from := func(ahead time.Duration) error {
		return fmt.Errorf("svid: %w", (&SVID{NotBefore: now.Add(ahead - time.Minute), NotAfter: now.Add(ahead + time.Hour)}).Dated(now))
	}
	c := Dates{}
	for i, step := range []struct {
		err  error
		want Dates
	}{
		{nil, Dates{}},
		{errors.New("away"), Dates{}},
		{from(2 * time.Hour), Dates{1, 2*time.Hour - time.Minute}},
		{errors.New("away"), Dates{1, 2*time.Hour - time.Minute}},
		{from(-3 * time.Hour), Dates{2, -2 * time.Hour}},
		{nil, Dates{2, 0}},
	} {
		if c = c.Seen(step.err); c != step.want {
			t.Errorf("step %d: %+v, want %+v", i, c, step.want)
		}
	}
}

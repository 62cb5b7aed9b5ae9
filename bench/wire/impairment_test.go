package wire

import (
	"testing"
	"time"
)

// Whatever a caller says, what comes out is a link that can be.
func TestNoImpairmentIsWrong(t *testing.T) {
	for _, c := range []struct {
		i          Impairment
		lost, size int
		late       time.Duration
		says       string
	}{
		{Impairment{}, 0, 0, 0, "everything passes"},
		{Loss(-1), 0, 0, 0, "everything passes"},
		{Loss(3), 3, 0, 0, "3 % of packets are lost"},
		{Loss(300), 100, 0, 0, "nothing passes"},
		{Cut(), 100, 0, 0, "nothing passes"},
		{Limit(1000), 0, 1000, 0, "packets above 1000 bytes are lost"},
		{Limit(0), 0, 576, 0, "packets above 576 bytes are lost"},
		{Delay(50 * time.Millisecond), 0, 0, 50 * time.Millisecond, "packets arrive 50ms later"},
		{Delay(-time.Second), 0, 0, 0, "everything passes"},
		{Delay(time.Hour), 0, 0, 10 * time.Second, "packets arrive 10s later"},
	} {
		if c.i.Lost() != c.lost || c.i.Largest() != c.size || c.i.Late() != c.late || c.i.String() != c.says {
			t.Errorf("%#v: loses %d %%, up to %d bytes, %v late, %q; want %+v", c.i, c.i.Lost(), c.i.Largest(), c.i.Late(), c.i, c)
		}
		if c.i.Drops() != (c.lost > 0 || c.size > 0) {
			t.Errorf("%v: drops %t", c.i, c.i.Drops())
		}
	}
}

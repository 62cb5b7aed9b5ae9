package issuer

import (
	"testing"
	"time"
)

// A clock that was set shows as the difference of the two clocks in a time.Time; one without a monotonic part never jumps.
func TestJump(t *testing.T) {
	now := time.Now()
	for _, d := range []time.Duration{0, time.Second, -time.Second, time.Hour} {
		if by := jump(now, now.Add(d)); by != 0 { // Add moves both clocks
			t.Errorf("%s later: a jump by %s", d, by)
		}
	}
	if by := jump(now.Round(0), now.Add(time.Hour)); by != 0 {
		t.Errorf("without a monotonic clock: a jump by %s", by)
	}
}

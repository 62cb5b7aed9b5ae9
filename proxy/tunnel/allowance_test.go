package tunnel

import (
	"testing"
	"time"
)

func TestAllowance(t *testing.T) {
	b := Allowance{Burst: 3, PerSecond: 2}
	now := time.Unix(1, 0)
	spent := func() (n int) {
		for b.Spend(now, 1) {
			n++
		}
		return n
	}
	if n := spent(); n != 3 {
		t.Errorf("a burst of %d", n)
	}
	now = now.Add(time.Second)
	if n := spent(); n != 2 {
		t.Errorf("%d after a second", n)
	}
	now = now.Add(time.Hour)
	if b.Spend(now, 4) {
		t.Error("more than there was")
	}
	if n := spent(); n != 3 {
		t.Errorf("%d after an hour", n)
	}
}

// A peer that asks for a sign of life a few times a second may do so for ever.
func TestAQuestionIsNoNoise(t *testing.T) {
	b, now := Noise, time.Unix(1, 0)
	for range 1_000_000 {
		if !b.Spend(now, 1) {
			t.Fatal(now)
		}
		now = now.Add(250 * time.Millisecond)
	}
}

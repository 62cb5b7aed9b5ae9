package identity

import (
	"testing"
	"time"
)

func TestProvenIsBounded(t *testing.T) {
	var p proven
	now := time.Unix(1000, 0)
	for i := range 10 * maxProven {
		k := chain{sum: [32]byte{byte(i), byte(i >> 8)}}
		p.add(k, period{now, now})
		if !p.holds(k, now) || p.holds(k, now.Add(1)) || p.holds(k, now.Add(-1)) {
			t.Fatalf("chain %d is not held for its moment", i)
		}
	}
	if len(p.chains) > maxProven {
		t.Errorf("%d chains, want %d at most", len(p.chains), maxProven)
	}
}

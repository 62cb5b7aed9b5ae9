package xds

import (
	"fmt"
	"slices"
	"testing"
	"time"
)

// Which replica comes next, and when: all are tried at once, the wait is between rounds.
func TestTurns(t *testing.T) {
	const good = goodAfter
	type end struct {
		heard bool
		lived time.Duration
	}
	refused, short, long, mute := end{}, end{true, time.Second}, end{true, good}, end{false, time.Hour}
	for name, c := range map[string]struct {
		replicas int
		ends     []end
		want     string // of each stream the replica and the wait before it
	}{
		"one alone":                          {1, []end{refused, refused, refused}, "0 after 0s, 0 after 10ms, 0 after 20ms, 0 after 40ms"},
		"one alone, that was good":           {1, []end{refused, refused, long, refused}, "0 after 0s, 0 after 10ms, 0 after 20ms, 0 after 10ms, 0 after 20ms"},
		"one alone, that dies of our answer": {1, []end{short, short}, "0 after 0s, 0 after 10ms, 0 after 20ms"},
		"a long one that was mute":           {1, []end{mute, mute}, "0 after 0s, 0 after 10ms, 0 after 20ms"},
		"all are gone":                       {3, []end{refused, refused, refused, refused}, "0 after 0s, 1 after 0s, 2 after 0s, 0 after 10ms, 1 after 0s"},
		"the first is gone":                  {3, []end{long, refused, refused}, "0 after 0s, 1 after 0s, 2 after 0s, 0 after 10ms"},
		"the second is gone":                 {3, []end{refused, long, refused}, "0 after 0s, 1 after 0s, 0 after 0s, 2 after 0s"},
		"the second is gone and comes back":  {2, []end{refused, long, long, long}, "0 after 0s, 1 after 0s, 0 after 0s, 1 after 0s, 0 after 0s"},
		"each dies of our answer":            {2, []end{short, short, short, short}, "0 after 0s, 1 after 0s, 0 after 10ms, 1 after 0s, 0 after 20ms"},
	} {
		x, got := newTurns(c.replicas), ""
		for _, e := range append(c.ends, end{}) {
			i, wait := x.next()
			if got != "" {
				got += ", "
			}
			got += fmt.Sprintf("%d after %s", i, wait)
			x.ended(i, e.heard, e.lived)
		}
		if got != c.want {
			t.Errorf("%s: %s, want %s", name, got, c.want)
		}
	}
}

// The wait ends somewhere below its cap, and patience with who is silent grows while no
// stream is good, to a bound.
func TestTurnsAreBounded(t *testing.T) {
	x := newTurns(2)
	if x.patience() != 2 || newTurns(1).patience() != 0 {
		t.Errorf("patience is %d of two and %d of one", x.patience(), newTurns(1).patience())
	}
	var longest []time.Duration
	for range 100 {
		i, wait := x.next()
		longest = append(longest, wait)
		x.ended(i, true, goodAfter-1)
	}
	if got := slices.Max(longest); got != lastDelay || x.patience() != 32 {
		t.Errorf("the longest wait is %s, patience %d", got, x.patience())
	}
	apart := map[time.Duration]bool{}
	for range 1000 {
		apart[spread(lastDelay)] = true
		if d := spread(lastDelay); d < lastDelay/2 || d > lastDelay {
			t.Fatalf("%s of %s", d, lastDelay)
		}
	}
	if len(apart) < 100 {
		t.Errorf("a thousand proxies come back at %d moments", len(apart))
	}
	x.ended(0, true, goodAfter)
	if x.patience() != 2 {
		t.Errorf("patience after a good stream is %d", x.patience())
	}
}

package keeper

import (
	"fmt"
	"math/rand/v2"
	"os"
	"strconv"
	"testing"
	"time"
)

// TestALifeOfANode drives a real node through random steps: pods come, go, move and
// are regrouped, cells and keepers crash and hang, policies change, also several at
// once; and after each it checks I1 to I5. The seed and the number of the failing
// step are in every failure:
//
//	BULKHEAD_LIFE_SEED=7 BULKHEAD_LIFE_STEPS=3000 go test -count=1 -timeout 0 -run TestALifeOfANode -v ./proxy/keeper
//
// Processes do not run in step with the test, so that a seed repeats the steps and
// not every interleaving.
func TestALifeOfANode(t *testing.T) {
	seed, steps := number(t, "BULKHEAD_LIFE_SEED", 1), number(t, "BULKHEAD_LIFE_STEPS", 30)
	l := newLife(t, rand.New(rand.NewPCG(uint64(seed), 0)))
	for i := range steps {
		l.step = fmt.Sprintf("seed %d, step %d", seed, i)
		began := time.Now()
		l.take()
		took := time.Since(began)
		l.check()
		if all := time.Since(began); all > slowStep {
			t.Logf("%s: %v, and %v to check it", l.step, took.Round(time.Millisecond), (all - took).Round(time.Millisecond))
		}
		if t.Failed() {
			t.Fatalf("stopped at %s", l.step)
		}
		if (i+1)%100 == 0 {
			t.Logf("%d steps: %v; %d connections, %d denied", i+1, l.taken, l.made.Load(), l.denied.Load())
		}
	}
	l.end()
	t.Logf("%d steps of seed %d: %v; %d connections, %d denied", steps, seed, l.taken, l.made.Load(), l.denied.Load())
}

// slowStep is worth a line: what one waits for may not be what it should.
const slowStep = 3 * time.Second

func number(t *testing.T, variable string, otherwise int) int {
	t.Helper()
	text := os.Getenv(variable)
	if text == "" {
		return otherwise
	}
	n, err := strconv.Atoi(text)
	if err != nil || n < 0 {
		t.Fatalf("%s=%q is no number", variable, text)
	}
	return n
}

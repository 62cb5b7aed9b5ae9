package fault

import (
	"context"
	"testing"
	"time"

	"github.com/bulkhead-mesh/bulkhead/proxy/hazard"
)

func strike(t *testing.T, o Order) {
	t.Helper()
	f, err := o.Strike()
	if err != nil {
		t.Fatal(err)
	}
	f()
}

// Connections wait until the time is over or they end, whoever's they are.
func TestHalfDead(t *testing.T) {
	begin := time.Now()
	const lasts = 100 * time.Millisecond
	strike(t, Order{Name: "half-dead", For: lasts})
	gone, leave := context.WithCancel(t.Context())
	leave()
	hazard.Connection(gone, "a/b") // returns: its client left
	hazard.Connection(t.Context(), "a/b")
	if time.Since(begin) < lasts {
		t.Error("a connection did not wait")
	}
	hazard.Connection(t.Context(), "a/b") // and none waits afterwards
}

// One connection panics, of the workload that was named, and once.
func TestPanicMeetsOneConnection(t *testing.T) {
	strike(t, Order{Name: "panic", For: longest, Workload: "a/b"})
	t.Cleanup(func() { hazard.Arm(nil) })
	panics := 0
	connect := func(workload string) {
		defer func() {
			if recover() != nil {
				panics++
			}
		}()
		hazard.Connection(t.Context(), workload)
	}
	for _, w := range []string{"a/c", "a/b", "a/b"} {
		connect(w)
		if want := map[string]int{"a/c": 0, "a/b": 1}[w]; panics != want {
			t.Fatalf("%d panics after a connection of %s", panics, w)
		}
	}
}

// Other bytes are none.
func TestPoisonWaitsForItsBytes(t *testing.T) {
	strike(t, Order{Name: "poison", For: longest})
	t.Cleanup(func() { hazard.Arm(nil) })
	hazard.Bytes([]byte(Poison[1:]))
}

package istio

import (
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/bulkhead-mesh/bulkhead/proxy/telemetry"
)

// A cell in a stranger's hands finds no word by which what is kept of it grows for ever.
func TestAHostileCellIsBounded(t *testing.T) {
	d, web := world(t)
	var all Failures
	r := &Reading{Mesh: d, Workload: web, Cell: "c", Failures: &all}
	a := New(Options{MaxSeries: 10}).Account()
	long := strings.Repeat("x", 1<<12)
	fail := func(i int) []telemetry.Failures {
		return []telemetry.Failures{{Failure: telemetry.Failure{Stage: telemetry.Stage(fmt.Sprint(i, long)), Reason: fmt.Sprint(i, long)}, Count: 1}}
	}
	for i := range 3 * maxKinds {
		n, born := numbers(1, 0, 0, 0), uint64(i+1)
		odd := telemetry.Key{Direction: telemetry.Direction(fmt.Sprint(i))}
		big := telemetry.Key{Direction: telemetry.Inbound, Peer: long, Service: "s"}
		fair := telemetry.Key{Direction: telemetry.Inbound, Peer: fmt.Sprint(i), Baggage: "service.name=s", Service: "s"}
		a.Take(web.UID, []telemetry.Tally{
			{Slot: 0, Born: born, Key: &odd, Numbers: n, Failures: fail(i)},
			{Slot: 1, Born: born, Key: &big, Numbers: n, Failures: fail(i)},
			{Slot: 2, Born: born, Key: &fair, Numbers: n, Failures: fail(i)},
		}, r)
	}
	if n := len(all.all); n > maxKinds+1 {
		t.Errorf("%d kinds of failure", n)
	}
	slots := a.heard[web.UID]
	if len(slots) != 1 || slots[2] == nil {
		t.Fatalf("%d slots are kept, want the one whose key is fair", len(slots))
	}
	if k := slots[2].key; k.Baggage != "" || k.Service != "" {
		t.Errorf("all words of a key are kept: %+v", k)
	}
	for f := range slots[2].failures {
		if len(f.Stage)+len(f.Reason) > 128 {
			t.Errorf("%d bytes of a failure's words are kept", len(f.Stage)+len(f.Reason))
		}
	}
}

// Kinds of failure that have expired make room, also when nobody scrapes.
func TestFailuresExpireUnread(t *testing.T) {
	var all Failures
	now := time.Now()
	for i := range maxKinds {
		all.add(failure{peer: fmt.Sprint(i)}, 1, now)
	}
	now = now.Add(failureExpiry)
	all.add(failure{peer: "new"}, 1, now)
	if len(all.all) != 1 || all.all[failure{peer: "new"}] == nil {
		t.Errorf("%d kinds are kept", len(all.all))
	}
}

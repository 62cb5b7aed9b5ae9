package drill

import (
	"math/rand/v2"
	"slices"
	"testing"
	"time"

	"github.com/bulkhead-mesh/bulkhead/bench/load"
	"github.com/bulkhead-mesh/bulkhead/bench/measure"
)

const (
	sec = int64(time.Second)
	ms  = int64(time.Millisecond)
)

// tracked follows two flows from 10 s on, one request each 50 ms.
func tracked() *tracker {
	t := newTracker()
	t.begin(10*sec, []measure.Flow{
		{ID: 1, Kind: load.New, Client: "a", Server: "b", Period: 50 * ms},
		{ID: 2, Kind: load.Reused, Client: "c", Server: "d", Period: 50 * ms},
		{ID: 3, Client: "s", Server: "s", Period: 50 * ms, Sentinel: true},
	})
	return t
}

func record(flow, seq int, takes time.Duration, class string) load.Record {
	p := 10*sec + int64(seq)*50*ms
	return load.Record{Flow: flow, Seq: seq, Planned: p, Sent: p, Done: p + int64(takes), Error: class}
}

func TestSettledIsTheOldestGap(t *testing.T) {
	tr := tracked()
	if got := tr.settled(); got != 10*sec {
		t.Errorf("settled at %d before any record", got)
	}
	// Answers in any order: settled is exact when all have come, whatever the order.
	var all []load.Record
	for seq := range 40 {
		all = append(all, record(1, seq, time.Millisecond, ""), record(2, seq, time.Millisecond, ""))
	}
	late := record(1, 7, time.Second, "")
	rng := rand.New(rand.NewPCG(1, 1))
	rng.Shuffle(len(all), func(i, j int) { all[i], all[j] = all[j], all[i] })
	for _, r := range all {
		if r.Flow != late.Flow || r.Seq != late.Seq {
			tr.add(r)
		}
	}
	if got, want := tr.settled(), late.Planned; got != want {
		t.Errorf("settled at %d while request 7 is out, want %d", got, want)
	}
	tr.add(late)
	if got, want := tr.settled(), 10*sec+40*50*ms; got != want {
		t.Errorf("settled at %d, want %d", got, want)
	}
	if _, bad := tr.latest(); bad != late.Planned {
		t.Errorf("the latest bad request is at %d, want the late one's %d", bad, late.Planned)
	}
}

func TestHitNow(t *testing.T) {
	tr := tracked()
	for seq := range 20 {
		tr.add(record(1, seq, time.Millisecond, ""))
		tr.add(record(2, seq, time.Millisecond, ""))
	}
	now := 11 * sec
	if got := tr.hitNow(now); len(got) != 0 {
		t.Errorf("hit %v, want nobody", got)
	}
	tr.add(record(1, 20, time.Millisecond, load.Refused))
	if got := tr.hitNow(now + 100*ms); !slices.Equal(got, []string{"a", "b"}) {
		t.Errorf("hit %v, want the ends of the flow that failed", got)
	}
	// Flow 2 answers no more: it is hit as soon as the wait is longer than L and the way here.
	if got := tr.hitNow(now + 500*ms); !slices.Equal(got, []string{"a", "b", "c", "d"}) {
		t.Errorf("hit %v, want the ends of the flow that waits as well", got)
	}
	if got := tr.hitSince(now); !slices.Equal(got, []string{"a", "b"}) {
		t.Errorf("hit since then: %v", got)
	}
}

// Records of a load that has ended, of sentinels and of nobody change nothing.
func TestOthersRecordsAreIgnored(t *testing.T) {
	tr := tracked()
	tr.add(record(3, 0, time.Second, load.Timeout))
	tr.add(record(9, 0, time.Second, load.Timeout))
	old := record(1, 0, time.Second, load.Timeout)
	old.Planned -= sec
	tr.add(old)
	if failed, bad := tr.latest(); failed != 10*sec || bad != 10*sec || tr.settled() != 10*sec || len(tr.hitSince(0)) != 0 {
		t.Errorf("failed %d, bad %d, settled %d", failed, bad, tr.settled())
	}
}

func TestShownLFollowsTheBaseline(t *testing.T) {
	tr := tracked()
	tr.beginBaseline()
	for seq := range 100 {
		tr.add(record(1, seq, 90*time.Millisecond, ""))
	}
	tr.endBaseline()
	if tr.late != 270*time.Millisecond {
		t.Errorf("L is %v after a baseline of 90 ms, want 270ms", tr.late)
	}
	tr.beginBaseline()
	tr.endBaseline()
	if tr.late != 270*time.Millisecond {
		t.Errorf("L fell to %v", tr.late)
	}
}

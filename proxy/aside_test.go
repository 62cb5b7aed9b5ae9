package proxy

import (
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net/netip"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/bulkhead-mesh/bulkhead/proxy/mesh"
	"github.com/bulkhead-mesh/bulkhead/proxy/telemetry"
)

// rig is an aside with a service of n endpoints and a clock of its own.
type rig struct {
	aside
	answer mesh.Answer
	now    time.Time
}

func newRig(n int) *rig {
	r := &rig{now: time.Unix(1000, 0)}
	r.aside = aside{log: slog.New(slog.NewTextHandler(io.Discard, nil)), count: &telemetry.Counters{}}
	r.answer = mesh.Answer{Kind: mesh.Mesh, Service: "web"}
	for i := range n {
		r.answer.Endpoints = append(r.answer.Endpoints, mesh.Endpoint{
			Workload: fmt.Sprintf("a/web-%d", i), Weight: 1, Address: netip.AddrPortFrom(netip.AddrFrom4([4]byte{10, 0, 0, byte(i)}), 80),
		})
	}
	return r
}

func (r *rig) fails(i, times int) {
	for range times {
		r.failed(&r.answer, i, errors.New("refused"), r.now)
	}
}

// chosen is every endpoint that a connection may get now, without trying any.
func (r *rig) chosen() string {
	var list []string
	for draw := range uint64(len(r.answer.Endpoints)) {
		away := func(i int) bool { return r.away(&r.answer.Endpoints[i], r.now) }
		i := r.answer.Choose(away, func(n uint64) uint64 { return draw % n })
		list = append(list, fmt.Sprint(i))
	}
	slices.Sort(list)
	return strings.Join(slices.Compact(list), " ")
}

func (r *rig) want(t *testing.T, chosen string) {
	t.Helper()
	if got := r.chosen(); got != chosen {
		t.Errorf("chosen %q, want %q", got, chosen)
	}
}

func TestAnEndpointIsSetAsideAfterFailuresInARow(t *testing.T) {
	r := newRig(4)
	r.fails(1, failuresInARow-1)
	r.want(t, "0 1 2 3")
	r.worked(&r.answer, 1)
	r.fails(1, failuresInARow-1)
	r.want(t, "0 1 2 3")
	r.fails(1, 1)
	r.want(t, "0 2 3")
	if n := r.count.SetAside.Load(); n != 1 || r.size(r.now) != 1 {
		t.Errorf("set aside %d times, %d now", n, r.size(r.now))
	}
}

// With too many failing it is this end that is cut off.
func TestOnlySomeAreSetAsideAndNeverTheLast(t *testing.T) {
	for n, most := range map[int]int{1: 0, 2: 1, 3: 2, 4: 2, 5: 3, 8: 4} {
		r := newRig(n)
		for i := range n {
			r.fails(i, 2*failuresInARow)
		}
		if got := r.size(r.now); got != most {
			t.Errorf("%d endpoints: %d aside, want %d", n, got, most)
		}
	}
}

// When the time is over one connection tries it, and the rest still stay away.
func TestOneConnectionTriesWhatWasSetAside(t *testing.T) {
	r := newRig(2)
	r.fails(0, failuresInARow)
	r.now = r.now.Add(shortAside)
	for r.choose(&r.answer, nil, r.now) != 0 { // by chance, soon
	}
	r.want(t, "1")
	r.worked(&r.answer, 0)
	r.want(t, "0 1")
	if n := r.count.SetAside.Load(); n != 1 || r.size(r.now) != 0 {
		t.Errorf("set aside %d times, %d now", n, r.size(r.now))
	}
}

// A try that told nothing, because the client left or a budget was used up, leaves the
// next one to another connection.
func TestATryThatToldNothing(t *testing.T) {
	r := newRig(2)
	r.fails(0, failuresInARow)
	r.now = r.now.Add(shortAside)
	for r.choose(&r.answer, nil, r.now) != 0 {
	}
	r.untold(&r.answer, 0)
	r.want(t, "0 1")
}

// Each time is twice as long as the last, up to a limit; stragglers that began before
// count for nothing; one success, and it begins anew.
func TestTheTimeAsideGrows(t *testing.T) {
	r := newRig(2)
	r.fails(0, failuresInARow)
	for want := shortAside; ; want = min(2*want, longAside) {
		r.fails(0, 5) // stragglers
		if left := r.known[keyOf(&r.answer.Endpoints[0])].until.Sub(r.now); left != want {
			t.Fatalf("aside for %v, want %v", left, want)
		}
		if r.known[keyOf(&r.answer.Endpoints[0])].times > 40 {
			break
		}
		r.now = r.now.Add(want)
		for r.choose(&r.answer, nil, r.now) != 0 {
		}
		r.fails(0, 1)
	}
	r.worked(&r.answer, 0)
	r.fails(0, failuresInARow)
	if left := r.known[keyOf(&r.answer.Endpoints[0])].until.Sub(r.now); left != shortAside {
		t.Errorf("aside for %v, want %v", left, shortAside)
	}
}

// What is set aside is chosen when all else has been tried: it is better than failing.
func TestWhatIsSetAsideIsTheLastChoice(t *testing.T) {
	r := newRig(2)
	r.fails(0, failuresInARow)
	first := r.choose(&r.answer, nil, r.now)
	second := r.choose(&r.answer, []int{first}, r.now)
	if first != 1 || second != 0 {
		t.Errorf("chosen %d, then %d", first, second)
	}
}

// Another workload that gets the address is not blamed.
func TestAnAddressOfAnotherWorkloadBeginsAnew(t *testing.T) {
	r := newRig(2)
	r.fails(0, failuresInARow)
	r.answer.Endpoints[0].Workload = "a/web-new"
	r.want(t, "0 1")
}

// What nobody tries any more, because it is gone, is forgotten.
func TestWhatIsGoneIsForgotten(t *testing.T) {
	r := newRig(4)
	r.fails(0, failuresInARow)
	r.fails(1, 1)
	r.now = r.now.Add(forgetAfter)
	if n := r.size(r.now); n != 0 || len(r.known) != 2 {
		t.Errorf("%d aside, %d remembered", n, len(r.known))
	}
	r.now = r.now.Add(shortAside + 1)
	if r.size(r.now); len(r.known) != 0 {
		t.Errorf("%d remembered", len(r.known))
	}
}

// Endpoints without end are forgotten without end.
func TestWhatFailedIsBounded(t *testing.T) {
	r := newRig(3)
	for i := range 3 * maxFailing {
		r.answer.Endpoints[0].Workload = fmt.Sprint(i)
		r.fails(0, failuresInARow)
	}
	if len(r.known) != maxFailing {
		t.Errorf("%d remembered", len(r.known))
	}
}

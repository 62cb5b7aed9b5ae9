package keeper

import (
	"context"
	"errors"
	"slices"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/bulkhead-mesh/bulkhead/identity"
	"github.com/bulkhead-mesh/bulkhead/proxy/cell"
)

// slowCA signs when it is told to, and counts.
type slowCA struct {
	sign             chan struct{}
	calls, now, most atomic.Int32
}

func (s *slowCA) Sign(ctx context.Context, _ identity.ID, csr []byte) (chain, roots [][]byte, err error) {
	s.calls.Add(1)
	s.most.Store(max(s.most.Load(), s.now.Add(1)))
	defer s.now.Add(-1)
	select {
	case <-s.sign:
		return [][]byte{csr}, nil, nil
	case <-ctx.Done():
		return nil, nil, ctx.Err()
	}
}

// Conformance 37: what is needed now goes before warm-ups, and those before renewals.
func TestTheUrgentGoFirst(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var d desk
		var order []urgency
		for range callsAtOnce {
			if err := d.enter(t.Context(), renewal); err != nil {
				t.Fatal(err)
			}
		}
		for _, u := range []urgency{renewal, warmUp, neededNow, renewal, neededNow, warmUp} {
			go func() {
				if err := d.enter(t.Context(), u); err != nil {
					t.Error(err)
				}
				order = append(order, u) // one at a time: each leave lets one in
			}()
			synctest.Wait()
		}
		for range 6 {
			d.leave()
			synctest.Wait()
		}
		if want := []urgency{neededNow, neededNow, warmUp, warmUp, renewal, renewal}; !slices.Equal(order, want) {
			t.Errorf("served in the order %v; want %v", order, want)
		}
	})
}

// Conformance 40: who gives up while waiting takes no turn, and loses none.
func TestWhoGivesUpTakesNoTurn(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var d desk
		for range callsAtOnce {
			_ = d.enter(t.Context(), neededNow)
		}
		gone, giveUp := context.WithCancel(t.Context())
		left := make(chan error, 1)
		go func() { left <- d.enter(gone, neededNow) }()
		synctest.Wait()
		giveUp()
		if err := <-left; !errors.Is(err, context.Canceled) {
			t.Errorf("who gave up got %v", err)
		}
		stays := make(chan error, 1)
		go func() { stays <- d.enter(t.Context(), renewal) }()
		synctest.Wait()
		d.leave()
		if err := <-stays; err != nil {
			t.Error(err)
		}
		for range callsAtOnce {
			d.leave()
		}
		if d.calls != 0 {
			t.Errorf("%d calls are under way", d.calls)
		}
	})
}

// Conformance 39: never more than eight calls at once.
// Conformance 38: who asks the same again shares the call.
func TestCallsOfTheCAAreFewAndShared(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		ca := &slowCA{sign: make(chan struct{})}
		k := &Keeper{life: t.Context(), signer: ca}
		const different, again = 20, 5
		answers := make(chan *cell.Signed, different*again)
		for n := range different * again {
			go func() {
				answers <- k.signature(idOf(t, "own"), &cell.Sign{CSR: []byte{byte(n % different)}}, urgency(n%int(urgencies)))
			}()
		}
		synctest.Wait()
		if n := ca.now.Load(); n != callsAtOnce {
			t.Errorf("%d calls are under way", n)
		}
		close(ca.sign)
		for range different * again {
			if a := <-answers; a.Error != "" || len(a.Chain) != 1 {
				t.Errorf("%+v", a)
			}
		}
		if calls, most := ca.calls.Load(), ca.most.Load(); calls != different || most != callsAtOnce {
			t.Errorf("%d calls, at most %d at once", calls, most)
		}
	})
}

// What a cell holds says how urgent its CSR is.
func TestUrgency(t *testing.T) {
	own, now := idOf(t, "own"), time.Now()
	holds := func(left time.Duration) map[identity.ID]time.Time {
		return map[identity.ID]time.Time{own: now.Add(left)}
	}
	for name, test := range map[string]struct {
		svids   map[identity.ID]time.Time
		patient bool
		want    urgency
	}{
		"nothing yet":                 {nil, false, neededNow},
		"nothing yet, another serves": {nil, true, warmUp},
		"half of it left":             {holds(time.Hour), false, renewal},
		"nearly over":                 {holds(30 * time.Second), false, neededNow},
		"over":                        {holds(-time.Second), true, neededNow},
	} {
		if got := urgencyOf(test.svids, own, test.patient, now); got != test.want {
			t.Errorf("%s: %v; want %v", name, got, test.want)
		}
	}
}

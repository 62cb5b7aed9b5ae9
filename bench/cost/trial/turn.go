package trial

import (
	"context"
	"errors"
	"net/netip"
	"time"

	"github.com/bulkhead-mesh/bulkhead/bench/cost"
	"github.com/bulkhead-mesh/bulkhead/bench/lab"
	"github.com/bulkhead-mesh/bulkhead/proxy/mesh"
)

const (
	headStart = 300 * time.Millisecond // between the order to start a load and its start
	undo      = 2 * time.Minute        // for rolling back

	replaceTimeout = 10 * time.Minute // fires only when something hangs
)

// turn is one isolation at one size, once.
type turn struct {
	*Trial
	lab       *lab.Lab
	flows     plan
	round     int
	isolation string
	tell      func(what string)
}

// run goes through all phases. Rollback happens in any case.
func (t *turn) run(ctx context.Context) error {
	if err := t.rec.write(cost.Line{Turn: &cost.Turn{Round: t.round, Isolation: t.isolation}}); err != nil {
		return err
	}
	err := t.phases(ctx)
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), undo)
	defer cancel()
	err = errors.Join(err, t.lab.StopLoad(ctx), t.lab.Displace(ctx))
	if _, e := t.lab.ChangeMesh(func(*mesh.File) {}); err == nil { // as it was
		err = e
	}
	if err == nil {
		err = t.rec.write(cost.Line{Done: true})
	}
	return err
}

func (t *turn) phases(ctx context.Context) error {
	for _, phase := range []struct {
		what string
		do   func(context.Context) error
	}{
		{"place", t.place}, {"idle", t.idle}, {"push", t.push}, {"starts", t.starts}, {"load", t.load}, {"replace", t.replace},
	} {
		t.tell(phase.what)
		if err := phase.do(ctx); err != nil {
			return err
		}
	}
	return nil
}

// place starts the data plane.
func (t *turn) place(ctx context.Context) error {
	s, err := subject(t.isolation)
	if err != nil {
		return err
	}
	return t.between(ctx, cost.Place, func() error { return t.lab.Place(ctx, s) })
}

// idle looks at the node while nobody asks anything.
func (t *turn) idle(ctx context.Context) error {
	if t.isolation != lab.None { // of nothing, nothing settles
		if err := pause(ctx, t.p.Times.Settle); err != nil {
			return err
		}
	}
	return t.between(ctx, cost.Idle, func() error { return pause(ctx, t.p.Times.Idle) })
}

// push adds a policy that concerns every workload and forbids nothing that happens here: a
// change of what nobody has asked for costs nothing. It stays until the end of the turn:
// taking it back would be another push in the middle of a phase.
func (t *turn) push(ctx context.Context) error {
	return t.between(ctx, cost.Push, func() error {
		if _, err := t.lab.ChangeMesh(forbidStranger); err != nil {
			return err
		}
		return pause(ctx, t.p.Times.Push)
	})
}

func forbidStranger(f *mesh.File) {
	nobody := netip.PrefixFrom(netip.AddrFrom4([4]byte{192, 0, 2, 1}), 32)
	f.Policies = append(f.Policies, mesh.Policy{
		Name: "stranger", Namespace: "istio-system", Scope: mesh.ScopeGlobal, Action: mesh.Deny,
		Rules: []mesh.Rule{{Match: mesh.Match{SourceIPs: []netip.Prefix{nobody}}}},
	})
}

func pause(ctx context.Context, d time.Duration) error {
	timer := time.NewTimer(d)
	defer timer.Stop()
	select {
	case <-timer.C:
		return nil
	case <-ctx.Done():
		return ctx.Err()
	}
}

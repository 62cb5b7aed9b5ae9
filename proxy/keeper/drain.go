package keeper

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"net/http"
	"slices"
	"time"

	"golang.org/x/sync/errgroup"

	"github.com/bulkhead-mesh/bulkhead/proxy/admin"
)

// A drained workload takes no new connection, either way: they are refused at once, so
// that clients go elsewhere and nobody waits in a backlog. Its peers hear GOAWAY, what is open may
// end until the deadline, and is cut then. It stays drained, also for the next keeper,
// until somebody undoes it.

// maxDrain bounds a deadline: longer is a mistake.
const maxDrain = time.Hour

// drainSlack is for the cells to say that they are done, after the deadline.
const drainSlack = overdueAfter + 5*time.Second

// drainLook is between two looks whether a drain is over.
const drainLook = 20 * time.Millisecond

func (k *Keeper) postDrain(w http.ResponseWriter, r *http.Request) {
	var body admin.Drain
	if err := decode(w, r, &body); err != nil {
		fail(w, http.StatusBadRequest, err)
		return
	}
	limit := time.Duration(body.Seconds * float64(time.Second))
	if limit < 0 || limit > maxDrain {
		fail(w, http.StatusBadRequest, fmt.Errorf("a drain of %v: from 0 to %v", limit, maxDrain))
		return
	}
	if limit == 0 {
		limit = time.Duration(k.config.Drain)
	}
	pods, err := k.named(body.Workloads)
	if err != nil {
		answer(w, err, nil)
		return
	}
	if body.Undo {
		err := k.undrain(r.Context(), pods)
		answer(w, err, []admin.Drained{})
		return
	}
	ctx, cancel := context.WithTimeout(r.Context(), limit+drainSlack)
	defer cancel()
	done, err := k.drain(ctx, pods, limit)
	answer(w, err, done)
}

// named finds pods by UID; none means all.
func (k *Keeper) named(uids []string) (pods []*pod, err error) {
	k.do(func() {
		if len(uids) == 0 {
			for _, p := range k.pods {
				pods = append(pods, p)
			}
		}
		for _, uid := range uids {
			p := k.pods[uid]
			if p == nil {
				err = &notFound{fmt.Errorf("no pod %q on this node", uid)}
			}
			pods = append(pods, p)
		}
	})
	slices.SortFunc(pods, func(a, b *pod) int {
		if a == nil || b == nil {
			return 0
		}
		return cmp.Compare(a.UID, b.UID)
	})
	return pods, err
}

// drain drains pods together, and returns when all are done.
func (k *Keeper) drain(ctx context.Context, pods []*pod, limit time.Duration) ([]admin.Drained, error) {
	done := make([]admin.Drained, len(pods))
	var group errgroup.Group
	for i, p := range pods {
		group.Go(func() (err error) {
			done[i], err = k.drainOne(ctx, p, limit)
			return err
		})
	}
	return done, group.Wait()
}

func (k *Keeper) drainOne(ctx context.Context, p *pod, limit time.Duration) (d admin.Drained, err error) {
	began := time.Now()
	k.do(func() { d, err = k.beginDrain(p, limit) })
	if err != nil {
		return d, err
	}
	err = k.await(ctx, func() bool { return len(p.duties) == 0 })
	if err != nil {
		return d, fmt.Errorf("%s is not drained: %w", p.UID, err)
	}
	k.do(func() { d.Cut = p.cut })
	d.Seconds = time.Since(began).Seconds()
	return d, nil
}

// beginDrain has new connections refused, and then its processes let go.
func (k *Keeper) beginDrain(p *pod, limit time.Duration) (admin.Drained, error) {
	d := admin.Drained{Workload: p.UID, Cell: p.cell.group}
	if p.cell.outside() {
		return d, &badRequest{fmt.Errorf("%s is served by no cell of this node (%s): there is nothing to drain", p.UID, p.cell.group)}
	}
	for x := range p.duties {
		d.Open += x.now[p.UID].StillOpen()
	}
	was, placed := p.drained, p.placed
	p.drained, p.drain, p.cut = true, limit, 0
	if err := k.shut(p); err != nil {
		p.drained, p.placed = was, placed
		k.note(p)
		return d, err
	}
	k.log.Info("workload is drained", "workload", p.UID, "cell", p.cell.group, "open", d.Open, "deadline", limit)
	return d, nil
}

// shut has the rules of a drained pod refuse what is new, wherever it belongs, and then its
// processes let go. It is noted as placed nowhere: those of an isolation outside would let
// connections past.
func (k *Keeper) shut(p *pod) error {
	p.placed = ""
	k.note(p)
	if err := p.rules.change(p, planOf("", Closed)); err != nil {
		return fmt.Errorf("rules of %s: %w", p.UID, err)
	}
	k.releaseOthers(p, nil)
	k.turnAway(p)
	return nil
}

// undrain serves pods again: their processes first, then the rules, so that nobody waits.
// A caller who gives up ends only his waiting: the loop changes the rules, see checkFailure.
func (k *Keeper) undrain(ctx context.Context, pods []*pod) error {
	var errs []error
	for _, p := range pods {
		k.do(func() {
			if p.drained && p.dropped == nil {
				p.drained, p.drain = false, 0
				k.note(p)
				k.assign(p)
			}
		})
		err := k.await(ctx, func() bool { return p.isServed() || p.cell.outside() || p.dropped != nil })
		if err == nil {
			k.do(func() { err = k.reopen(p) })
		}
		if err != nil {
			errs = append(errs, fmt.Errorf("%s is not served again: %w", p.UID, err))
		}
	}
	return errors.Join(errs...)
}

// reopen has the rules of a pod that is drained no more as they were.
func (k *Keeper) reopen(p *pod) error {
	plan := planOf(p.placed, p.failing.action)
	if p.drained || p.dropped != nil || p.rules.follows(plan) {
		return nil
	}
	if err := p.rules.change(p, plan); err != nil {
		return err
	}
	k.log.Info("workload is drained no more", "workload", p.UID, "cell", p.cell.group)
	return nil
}

// await looks on the loop until something is so.
func (k *Keeper) await(ctx context.Context, so func() bool) error {
	tick := time.NewTicker(drainLook)
	defer tick.Stop()
	for {
		yes := false
		if !k.do(func() { yes = so() }) {
			return errEnding
		}
		if yes {
			return nil
		}
		select {
		case <-tick.C:
		case <-ctx.Done():
			return context.Cause(ctx)
		}
	}
}

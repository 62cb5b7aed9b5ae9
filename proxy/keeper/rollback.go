package keeper

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"slices"
	"strings"
	"time"

	"golang.org/x/sync/errgroup"

	"github.com/bulkhead-mesh/bulkhead/proxy/admin"
	"github.com/bulkhead-mesh/bulkhead/proxy/mesh"
	"github.com/bulkhead-mesh/bulkhead/redirect/rules"
)

// A rollback leaves the node as it was before its proxy came, under load. Each pod is
// moved to none, which refuses nobody: new connections go direct, in plaintext, as they did
// then. What is open stays captured and in its tunnel until it ends, or is cut at the
// deadline: a captured connection whose rules go would go on in plaintext. Only then are
// the rules removed, and when no pod is left, the anchor is asked to end.
//
// It begins when the mesh says that nobody here speaks HBONE any more. Before, peers dial
// tunnels, which nobody would answer, and they must not fall back to plaintext by themselves.

var (
	errLeaving     = errors.New("this node's proxy is being rolled back: it takes in no pod")
	errRollingBack = errors.New("this node's proxy is being rolled back already: see its pods in bulkhead who, or repeat this once that is over")
	errNoMesh      = errors.New("this keeper has no mesh yet, so it cannot know whose peers would dial tunnels that nobody answers. Wait until it is ready, or force it")
)

func (k *Keeper) postRollback(w http.ResponseWriter, r *http.Request) {
	var body admin.Rollback
	if err := decode(w, r, &body); err != nil {
		fail(w, http.StatusBadRequest, err)
		return
	}
	limit := time.Duration(body.Seconds * float64(time.Second))
	if limit < 0 || limit > maxDrain {
		fail(w, http.StatusBadRequest, fmt.Errorf("a rollback of %v: from 0 to %v", limit, maxDrain))
		return
	}
	if limit == 0 {
		limit = maxDrain
	}
	ctx, cancel := context.WithTimeout(r.Context(), limit+time.Duration(k.config.Drain)+podTimeout+2*drainSlack)
	defer cancel()
	done, err := k.rollback(ctx, limit, body.Force)
	answer(w, err, done)
	if err != nil {
		return
	}
	k.log.Info("rolled back: no pod is captured any more, the node's proxy ends")
	if err := k.anchor.Quit(); err != nil {
		k.log.Error("rolled back, but the anchor does not end: end bulkhead-node by hand", "error", err)
	}
}

// rollback lets every pod go. It can be repeated when it fails: what is done is done, and
// the pods that are left still work.
func (k *Keeper) rollback(ctx context.Context, limit time.Duration, force bool) (done []admin.Drained, err error) {
	// The failure of a second one would let pods in, under which the first ends the anchor.
	if !k.rolling.TryLock() {
		return nil, &badRequest{errRollingBack}
	}
	defer k.rolling.Unlock()
	if k.snapshot.Load() == nil && !force {
		return nil, &badRequest{errNoMesh}
	}
	if still := k.speakers(); len(still) > 0 && !force {
		return nil, &badRequest{fmt.Errorf("the mesh still says that %s speak HBONE: their peers would dial tunnels that nobody answers. Have it say protocol TCP first, or force it", strings.Join(still, ", "))}
	}
	if err := k.setLeaving(ctx, true); err != nil {
		return nil, fmt.Errorf("pods are still being taken in: %w", err)
	}
	defer func() {
		if err != nil { // nobody is on his way in: there is nothing to wait for
			err = errors.Join(err, k.setLeaving(context.WithoutCancel(ctx), false))
		}
	}()
	pods, err := k.named(nil)
	if err != nil {
		return nil, err
	}
	k.log.Warn("node is rolled back: its pods' connections will be in PLAINTEXT, and meet NO POLICY", "pods", len(pods), "deadline", limit)
	done = make([]admin.Drained, len(pods))
	var group errgroup.Group
	for i, p := range pods {
		group.Go(func() (err error) {
			done[i], err = k.rollBackOne(ctx, p, limit)
			return err
		})
	}
	return done, group.Wait()
}

// setLeaving returns when no pod is on its way in any more.
func (k *Keeper) setLeaving(ctx context.Context, leaving bool) error {
	leave, err := k.entry.alone(ctx)
	if err != nil {
		return err
	}
	defer leave()
	k.leaving = leaving
	return nil
}

// speakers are the node's workloads to which their peers dial tunnels, as far as this keeper
// has been told.
func (k *Keeper) speakers() (uids []string) {
	s := k.snapshot.Load()
	k.do(func() {
		for uid := range k.pods {
			if w, ok := workloadOf(s, uid); ok && w.Protocol == mesh.HBONE {
				uids = append(uids, uid)
			}
		}
	})
	slices.Sort(uids)
	return uids
}

// rollBackOne lets one pod go. What fails, or is given up, leaves a pod that still works, or
// one in none, with all that a move back or another try needs.
func (k *Keeper) rollBackOne(ctx context.Context, p *pod, limit time.Duration) (d admin.Drained, err error) {
	began := time.Now()
	d.Workload = p.UID
	defer func() {
		k.do(func() {
			if p.dropped != nil {
				err = nil // it was removed meanwhile
			}
		})
	}()
	var was drainedAt
	k.do(func() {
		d.Cell = p.cell.group
		for x := range p.duties {
			d.Open += x.now[p.UID].StillOpen()
		}
		was = drainedAt{p.drained, p.drain, p.Isolation}
		p.drained, p.drain, p.cut = false, limit, 0
		if was.drained {
			p.rolling = &was.isolation
		}
		k.note(p)
	})
	d.Cut, err = k.letGo(ctx, p, began.Add(limit))
	if err != nil {
		err = fmt.Errorf("%s is not let go: %w", p.UID, err)
		k.do(func() { err = errors.Join(err, k.stays(p, was)) })
	}
	d.Seconds = time.Since(began).Seconds()
	return d, err
}

// letGo moves a pod to none, and removes its rules when nothing is captured any more.
func (k *Keeper) letGo(ctx context.Context, p *pod, deadline time.Time) (cut int, err error) {
	if _, err := k.move(ctx, p.UID, None); err != nil {
		return 0, err
	}
	if err := k.await(ctx, func() bool { return len(p.duties) == 0 }); err != nil {
		return 0, err
	}
	k.do(func() { cut = p.cut })
	if err := k.awaitUncaptured(ctx, p, deadline); err != nil {
		return cut, err
	}
	return cut, k.removeBare(ctx, p, time.Until(deadline))
}

// drainedAt is whether an operator had drained a pod, and in which isolation.
type drainedAt struct {
	drained   bool
	drain     time.Duration
	isolation Isolation
}

// stays undoes what a rollback noted of a pod that it did not let go. One that was drained is
// drained again, and back where it was if it had got to none: it would take new connections there.
// That may be none or sidecar, by a configuration that changed meanwhile; it is refused there, too.
// Where its rules do not change it is drained nevertheless, and checkPlaces tries again.
func (k *Keeper) stays(p *pod, was drainedAt) error {
	if p.dropped != nil || !was.drained {
		if !p.placed.outside() { // what still drains there keeps its deadline
			p.drain = 0
		}
		return nil
	}
	p.rolling = nil
	p.drained, p.drain = true, was.drain // first, or its cell would serve it meanwhile
	if p.Isolation == None {
		p.Isolation = was.isolation
		k.assign(p)
	}
	return k.shut(p)
}

// wasRolling has a pod that was drained be so again, whose keeper died in a rollback of it: what
// its caller had wanted is over, and the rules may have changed or not. checkPlaces shuts them.
func (p *pod) wasRolling(from *Isolation) {
	if from == nil {
		return
	}
	p.drained = true
	if p.Isolation == None {
		p.Isolation = *from
	}
}

// awaitUncaptured waits for connections that no process of the node serves, those of a
// sidecar. It ends without an error at the deadline, when they may be cut; a caller who
// leaves cuts nothing.
func (k *Keeper) awaitUncaptured(ctx context.Context, p *pod, deadline time.Time) error {
	limit, cancel := context.WithDeadline(ctx, deadline)
	defer cancel()
	if err := rules.Wait(limit, p.netns); err != nil {
		return err
	}
	if ctx.Err() != nil {
		return context.Cause(ctx)
	}
	return nil
}

// removeBare removes the rules of a pod that nobody serves, and only then the pod: one whose
// rules are left would be known to nobody.
func (k *Keeper) removeBare(ctx context.Context, p *pod, left time.Duration) error {
	select { // nobody moves it back meanwhile
	case p.moving <- struct{}{}:
		defer func() { <-p.moving }()
	case <-ctx.Done():
		return context.Cause(ctx)
	}
	var unwatch func()
	k.do(func() { unwatch, p.unwatch = p.unwatch, nil })
	if unwatch != nil {
		unwatch() // or it would put back what is removed now
	}
	ctx = context.WithoutCancel(ctx) // a caller who leaves is no deadline
	limit, cancel := context.WithTimeout(ctx, max(0, left))
	defer cancel()
	if err := rules.Remove(limit, p.netns); err != nil {
		_, again := p.rules.repair(p)
		k.watchRules(p)
		return errors.Join(fmt.Errorf("rules of %s are not removed: %w", p.UID, err), again)
	}
	return k.removePod(ctx, p.UID)
}

// clearCgroups removes the parent of the cells' groups, after a rollback: the groups in it
// have gone with their cells.
func (k *Keeper) clearCgroups() {
	leave, err := k.entry.pass(context.Background()) // who is ahead is bounded: podTimeout
	if err != nil {
		return
	}
	defer leave()
	if !k.leaving || k.cgroups == nil {
		return
	}
	g, err := k.cgroups.Open(k.cellsGroup())
	if err == nil {
		err = g.Remove()
	}
	if err != nil {
		k.log.Warn("cgroup of the cells not removed", "error", err)
	}
}

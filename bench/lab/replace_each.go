package lab

import (
	"context"
	"fmt"
	"sync"

	"golang.org/x/sync/errgroup"

	"github.com/bulkhead-mesh/bulkhead/bench/load"
)

// Replacement is one process that carries bytes, and the process that followed it.
// Times are CLOCK_MONOTONIC, ns.
type Replacement struct {
	Name   string
	Pods   int   // that it serves
	Began  int64 // when its end was ordered
	Served int64 // when the next one served all of its pods
}

// atOncePods is the part of a node's pods that restart at the same time where the
// data plane lives in them: a quarter, as in a Deployment's rollout by default.
const atOncePods = 4

// ReplaceEach has every process that carries bytes of a node's pods replaced once, as for
// a security fix, tells of each, and returns when none of the old ones is left. Cells
// are their keeper's: one after another, the next one serves before the last one
// stops accepting. A sidecar's pod has to restart. The lab ends and starts its sidecar
// alone, since the application is the sampler: what an application needs to start
// comes on top. Like AddPod, ReplaceEach must not run at the same time as Place or
// Displace.
func (l *Lab) ReplaceEach(ctx context.Context, node string, tell func(Replacement)) error {
	d := l.dataPlane()
	switch {
	case d == nil:
		return nil
	case d.subject.OnNode():
		return at("replace", node, replaceCells(ctx, d.admins[node], tell))
	}
	return at("replace", node, l.restartPods(ctx, d, l.podsOf(node), tell))
}

func replaceCells(ctx context.Context, a *nodeAdmin, tell func(Replacement)) error {
	cells, err := a.cells(ctx)
	if err != nil {
		return err
	}
	for _, c := range cells {
		r := Replacement{Name: c.Name, Pods: len(c.Workloads), Began: load.Now()}
		if err := a.replace(ctx, c.Name); err != nil {
			return err
		}
		r.Served = load.Now()
		tell(r)
	}
	return a.drained(ctx)
}

func (l *Lab) restartPods(ctx context.Context, d *dataPlane, pods []Pod, tell func(Replacement)) error {
	var telling sync.Mutex
	var group errgroup.Group
	group.SetLimit(max(1, len(pods)/atOncePods))
	for _, p := range pods {
		group.Go(func() error {
			c := d.serving[p.Name()]
			r := Replacement{Name: c.name, Pods: 1, Began: load.Now()}
			c.leave()
			c.stop()
			if err := c.start(ctx); err != nil {
				return fmt.Errorf("%s: %w", p.Name(), err)
			}
			d.keep(c)
			r.Served = load.Now()
			telling.Lock()
			defer telling.Unlock()
			tell(r)
			return nil
		})
	}
	return group.Wait()
}

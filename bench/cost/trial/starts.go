package trial

import (
	"context"
	"errors"
	"time"

	"github.com/bulkhead-mesh/bulkhead/bench/cost"
	"github.com/bulkhead-mesh/bulkhead/bench/lab"
)

// starts takes a pod out and adds it again, a few times: one that is its account's
// only one, and one that finds others of its account there.
func (t *turn) starts(ctx context.Context) error {
	first, replica := candidates(t.lab.Topology())
	for _, c := range []struct{ kind, pod string }{{cost.First, first}, {cost.Replica, replica}} {
		if c.pod == "" {
			continue // a node of one pod has no replica
		}
		for range t.p.Times.Starts {
			if err := t.start(ctx, c.kind, c.pod); err != nil {
				return err
			}
		}
	}
	return nil
}

// candidates are the first pod that is alone in its account, and the last one of the
// first account with several.
func candidates(topology lab.Topology) (first, replica string) {
	replicas := make(map[string][]string)
	account := func(p lab.Pod) string { return p.Namespace + "/" + p.ServiceAccount() }
	for _, p := range topology.Pods {
		if p.Node == lab.DenseNode {
			replicas[account(p)] = append(replicas[account(p)], p.Name())
		}
	}
	for _, p := range topology.Pods {
		switch all := replicas[account(p)]; {
		case len(all) == 1 && first == "":
			first = p.Name()
		case len(all) > 1 && replica == "":
			replica = all[len(all)-1]
		}
	}
	return first, replica
}

func (t *turn) start(ctx context.Context, kind, pod string) error {
	ctx, cancel := context.WithTimeout(ctx, startTimeout)
	defer cancel()
	if err := t.lab.RemovePod(ctx, pod); err != nil {
		return err
	}
	// Its cell drains for a moment; a start that has to wait for that measures the end.
	if err := t.gone(ctx, pod); err != nil {
		return err
	}
	began := time.Now()
	if err := t.lab.AddPod(ctx, pod); err != nil {
		return err
	}
	s := &cost.Start{Kind: kind, Pod: pod, Served: int64(time.Since(began))}
	asked := make(chan error, 1)
	go func() {
		err := t.lab.Ask(ctx, pod, peer)
		s.Asked = int64(time.Since(began))
		asked <- err
	}()
	err := t.lab.Ask(ctx, peer, pod)
	s.Answered = int64(time.Since(began))
	if err := errors.Join(err, <-asked); err != nil {
		return err
	}
	return t.rec.write(cost.Line{Start: s})
}

const (
	pollInterval = 10 * time.Millisecond
	startTimeout = time.Minute // fires only when something hangs
)

// gone waits until no process serves the pod.
func (t *turn) gone(ctx context.Context, pod string) error {
	for {
		procs, err := t.lab.DataPlane(pod)
		if err == nil && len(procs) == 0 {
			return nil
		}
		if err := pause(ctx, pollInterval); err != nil {
			return err
		}
	}
}

package datapath

import (
	"context"
	"fmt"
	"time"

	"github.com/bulkhead-mesh/bulkhead/bench/datapath/verdict"
)

// settle is how long connections have been idle when their memory is looked at.
const settle = 8 * time.Second

// idle measures memory by the number of connections, and what CPU time the most of them
// take that do nothing.
func (t *turn) idle(ctx context.Context, clients []*end) error {
	var first int64
	stages := t.row.job.Stages
	for i, n := range stages {
		now, err := t.held(ctx, clients)
		if err != nil || now == 0 { // there is no proxy
			return err
		}
		each := float64(now-first) / float64(len(clients)*(n-stages[0]))
		switch {
		case i == 0:
			first = now
			if err := t.rest(ctx, fmt.Sprintf("%s-at-%d", idleCPU, len(clients)*n)); err != nil {
				return err
			}
		case i < len(stages)-1:
			t.took(fmt.Sprintf("%s-at-%d", verdict.BytesPerConn, len(clients)*n), each)
		default:
			t.took(verdict.BytesPerConn, each)
			if err := t.rest(ctx, idleCPU); err != nil {
				return err
			}
		}
		for _, c := range clients {
			if err := c.begin(); err != nil {
				return err
			}
		}
	}
	for _, c := range clients {
		if _, err := c.result(ctx, 0); err != nil {
			return err
		}
	}
	return nil
}

// idleCPU is per cent of one CPU, of both nodes with all that is on them.
const idleCPU = "idle-cpu-%"

// held is the memory of the proxies when every client has its next stage.
func (t *turn) held(ctx context.Context, clients []*end) (int64, error) {
	for _, c := range clients {
		if err := c.ready(ctx); err != nil {
			return 0, err
		}
	}
	if err := pause(ctx, max(settle, t.row.rest/5)); err != nil {
		return 0, err
	}
	return t.subject.memory()
}

// rest measures CPU time while nothing happens, in the row that asks for it.
func (t *turn) rest(ctx context.Context, metric string) error {
	if t.row.rest == 0 {
		return nil
	}
	a0, b0, err := t.subject.spent()
	if err != nil {
		return err
	}
	if err := pause(ctx, t.row.rest); err != nil {
		return err
	}
	a1, b1, err := t.subject.spent()
	if err != nil {
		return err
	}
	t.took(metric, 100*(a1-a0+b1-b0).Seconds()/t.row.rest.Seconds())
	return nil
}

package datapath

import (
	"context"
	"errors"
	"time"

	"github.com/bulkhead-mesh/bulkhead/bench/datapath/engine"
	"github.com/bulkhead-mesh/bulkhead/bench/datapath/verdict"
	"github.com/bulkhead-mesh/bulkhead/bench/lab"
)

// turn is one subject under one row's load, once.
type turn struct {
	*world
	row     row
	subject subject
	lasts   time.Duration
	took    func(metric string, value float64)
	// watch, if there is one, begins to look on, and returns what waits for its end.
	watch func(context.Context) (func() error, error)
}

// undo is how long taking a subject away may take.
const undo = time.Minute

func (t *turn) run(ctx context.Context) (err error) {
	defer func() {
		ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), undo)
		defer cancel()
		err = errors.Join(err, t.subject.stop(ctx))
	}()
	if err := t.subject.start(ctx, t.world); err != nil {
		return err
	}
	clients, err := t.clients()
	defer func() {
		for _, c := range clients {
			err = errors.Join(err, c.close())
		}
	}()
	switch {
	case err != nil:
		return err
	case t.row.job.Mode == engine.Idle:
		return t.idle(ctx, clients)
	}
	return t.load(ctx, clients[0])
}

// clients starts one in each pair of the row. On an error it returns those that it started.
func (t *turn) clients() (all []*end, err error) {
	pairs := max(1, t.row.pairs)
	for i := range pairs {
		c, err := startClient(t.lab, lab.PairClient(i), "client", t.row.with(t.to[i], t.lasts))
		if err != nil {
			return all, err
		}
		all = append(all, c)
	}
	return all, nil
}

// load measures what has a rate.
func (t *turn) load(ctx context.Context, c *end) (failed error) {
	if err := c.ready(ctx); err != nil {
		return err
	}
	bulk, err := t.beside(ctx)
	if err != nil {
		return err
	}
	if bulk != nil {
		defer bulk.close()
	}
	if t.watch != nil {
		wait, err := t.watch(ctx)
		if err != nil {
			return err
		}
		defer func() { failed = errors.Join(failed, wait()) }()
	}
	a0, b0, err := t.subject.spent()
	if err != nil {
		return err
	}
	if err := c.begin(); err != nil {
		return err
	}
	r, err := c.result(ctx, t.lasts)
	if err != nil {
		return err
	}
	a1, b1, err := t.subject.spent()
	if err != nil {
		return err
	}
	t.report(r, a1-a0, b1-b0)
	if bulk == nil {
		return nil
	}
	beside, err := bulk.result(ctx, t.lasts)
	if err == nil {
		t.took(verdict.BesideUploads, rate(beside))
	}
	return err
}

// lead is how long the load beside the measured one lasts before and after it.
const lead = 200 * time.Millisecond

// beside starts the other load of the row, if it has one.
func (t *turn) beside(ctx context.Context) (*end, error) {
	if t.row.beside == nil {
		return nil, nil
	}
	j := *t.row.beside
	j.To, j.For = t.to[0], t.lasts+2*lead
	bulk, err := startClient(t.lab, lab.PairClient(0), "bulk", j)
	if err != nil {
		return nil, err
	}
	if err = bulk.ready(ctx); err == nil {
		err = bulk.begin()
	}
	if err != nil {
		return nil, errors.Join(err, bulk.close())
	}
	return bulk, pause(ctx, lead)
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

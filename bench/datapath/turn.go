package datapath

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/bulkhead-mesh/bulkhead/bench/datapath/engine"
	"github.com/bulkhead-mesh/bulkhead/bench/datapath/verdict"
)

// turn is one subject under one row's load, once.
type turn struct {
	*world
	row     row
	subject subject
	lasts   time.Duration
	took    func(metric string, value float64)
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
	c, err := startClient(t.lab, "client", t.row.with(t.to, t.lasts))
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, c.close()) }()
	if t.row.job.Mode == engine.Idle {
		return t.idle(ctx, c)
	}
	return t.load(ctx, c)
}

// load measures what has a rate.
func (t *turn) load(ctx context.Context, c *end) error {
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
	j.To, j.For = t.to, t.lasts+2*lead
	bulk, err := startClient(t.lab, "bulk", j)
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

const gib, mib = 1 << 30, 1 << 20

func rate(r engine.Result) float64 { return float64(r.Bytes) / mib / r.Took.Seconds() }

// report takes the row's metrics from what the client and the clocks say.
func (t *turn) report(r engine.Result, a, b time.Duration) {
	cpu, per := verdict.CPUPer1000, float64(r.Requests)/1e6 // of milliseconds per thousand
	switch t.row.job.Mode {
	case engine.Up:
		cpu, per = verdict.CPUPerGiB, float64(r.Bytes)/gib
		t.took(verdict.Throughput, rate(r))
	case engine.RR:
		t.took(verdict.Requests, float64(r.Requests)/r.Took.Seconds())
	case engine.CRR:
		t.took(verdict.Connections, float64(r.Requests)/r.Took.Seconds())
	}
	if r.Requests > 0 {
		t.took(verdict.P50, micro(r.P50))
		t.took(verdict.P99, micro(r.P99))
	}
	if a+b > 0 && t.row.beside == nil {
		t.took(cpu, (a+b).Seconds()/per)
		t.took(cpu+"-A", a.Seconds()/per)
		t.took(cpu+"-B", b.Seconds()/per)
	}
}

func micro(d time.Duration) float64 { return float64(d) / float64(time.Microsecond) }

// settle is how long connections have been idle when their memory is looked at.
const settle = 500 * time.Millisecond

// idle measures memory by the number of connections.
func (t *turn) idle(ctx context.Context, c *end) error {
	var first int64
	stages := t.row.job.Stages
	for i, n := range stages {
		if err := c.ready(ctx); err != nil {
			return err
		}
		if err := pause(ctx, settle); err != nil {
			return err
		}
		now, err := t.subject.memory()
		if err != nil {
			return err
		}
		if now == 0 { // there is no proxy
			return nil
		}
		each := float64(now-first) / float64(n-stages[0])
		switch {
		case i == 0:
			first = now
		case i < len(stages)-1:
			t.took(fmt.Sprintf("%s-at-%d", verdict.BytesPerConn, n), each)
		default:
			t.took(verdict.BytesPerConn, each)
		}
		if err := c.begin(); err != nil {
			return err
		}
	}
	_, err := c.result(ctx, 0)
	return err
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

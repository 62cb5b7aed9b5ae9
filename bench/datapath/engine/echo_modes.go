package engine

import (
	"time"
)

// warmRequests are answered on each connection before the measurement.
const warmRequests = 16

// openAtOnce bounds how many connections are being made at a time where there are many.
const openAtOnce = 64

// rr measures requests over connections that stay.
func (c *caller) rr(begin func() error) (Result, error) {
	if err := c.warm(warmRequests); err != nil {
		return Result{}, err
	}
	if err := begin(); err != nil {
		return Result{}, err
	}
	r := Result{From: c.clock.now()}
	end := r.From + int64(c.job.For)
	c.lat.prepare()
	before := c.done
	c.measure = true
	if c.job.Rate > 0 {
		c.plan = plan{start: r.From, every: float64(time.Second) / c.job.Rate, most: int(c.job.Rate * c.job.For.Seconds())}
	} else if err := c.everybody(r.From); err != nil {
		return r, err
	}
	err := c.until(func(now int64) bool { return now >= end || c.lat.full() })
	c.again = false
	if err == nil { // what is under way is waited for: it is late, and counts as that
		err = c.drain()
	}
	return c.sum(r, c.done-before), err
}

// everybody sends one request on every connection, and from then on at every answer.
func (c *caller) everybody(now int64) error {
	c.again = true
	for i := range c.conns {
		c.enqueue(i, now)
		if err := c.flush(i); err != nil {
			return err
		}
	}
	return nil
}

// warm opens all connections and has so many requests answered on each.
func (c *caller) warm(requests int) error {
	if err := c.openUpTo(len(c.conns)); err != nil {
		return err
	}
	c.again = true
	at := c.done + requests*len(c.conns)
	for i := range c.conns {
		c.enqueue(i, c.clock.now())
		if err := c.flush(i); err != nil {
			return err
		}
	}
	err := c.until(func(int64) bool { return c.done >= at })
	c.again = false
	if err != nil {
		return err
	}
	return c.drain()
}

// openUpTo opens connections until there are so many, each with one answer.
func (c *caller) openUpTo(n int) error {
	opened := c.done // every connection has had one answer so far
	var failed error
	err := c.until(func(now int64) bool {
		for opened < n && opened-c.done < openAtOnce && failed == nil {
			c.enqueue(opened, now)
			failed = c.open(opened)
			opened++
		}
		return failed != nil || c.done >= n
	})
	if failed != nil {
		return failed
	}
	return err
}

// drain waits for the answers that are under way, and for those that are still to be
// asked for by the plan.
func (c *caller) drain() error {
	return c.until(func(int64) bool { return c.done >= c.asked && c.plan.next >= c.plan.most })
}

// crr measures requests with a connection each.
func (c *caller) crr(begin func() error) (Result, error) {
	c.again = true
	for i := range c.conns {
		c.enqueue(i, c.clock.now())
		if err := c.open(i); err != nil {
			return Result{}, err
		}
	}
	at := warmRequests * len(c.conns)
	if err := c.until(func(int64) bool { return c.done >= at }); err != nil {
		return Result{}, err
	}
	if err := begin(); err != nil {
		return Result{}, err
	}
	r := Result{From: c.clock.now()}
	end := r.From + int64(c.job.For)
	c.lat.prepare()
	before := c.done
	c.measure = true
	err := c.until(func(now int64) bool { return now >= end || c.lat.full() })
	return c.sum(r, c.done-before), err
}

// idle holds connections, and has begin called at each stage.
func (c *caller) idle(begin func() error) error {
	for _, n := range c.job.Stages {
		if err := c.openUpTo(n); err != nil {
			return err
		}
		if err := begin(); err != nil {
			return err
		}
	}
	return nil
}

// sum is the result of what was answered from r.From until now.
func (c *caller) sum(r Result, requests int) Result {
	r.Took = time.Duration(c.last - r.From)
	r.Requests = requests
	r.P50, r.P99 = c.lat.quantiles()
	return r
}

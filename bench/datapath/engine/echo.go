package engine

import (
	"context"
	"fmt"
	"io"
	"runtime"
	"time"

	"golang.org/x/sys/unix"
)

// caller is the client of echoes, at work.
type caller struct {
	job     Job
	poll    *poll
	clock   clock
	to      []*address
	request []byte
	buf     []byte
	conns   []call
	ended   func() error // of the context
	asked   int          // requests, over all connections
	done    int          // answers
	last    int64        // when the last one was there
	lat     latencies
	measure bool // what is answered now counts
	again   bool // whoever has an answer asks again
	plan    plan
}

// call is one connection. Requests are numbered over its whole place, also where one
// connection after another has that.
type call struct {
	fd        int
	connected bool
	blocked   bool // it waits for room
	asked     int  // requests that are to be sent
	sent      int
	answered  int
	out, in   int     // bytes of the request that is being sent, of the answer that comes
	planned   []int64 // when they should have been sent, by number modulo its length
}

func runEcho(ctx context.Context, j Job, begin func() error) (r Result, err error) {
	runtime.LockOSThread()
	defer runtime.UnlockOSThread()
	c := &caller{job: j, ended: ctx.Err, clock: newClock(), request: make([]byte, j.Size), buf: make([]byte, readSize), conns: make([]call, j.Connections)}
	if c.poll, err = newPoll(); err != nil {
		return r, err
	}
	defer c.close()
	for _, a := range j.To {
		to, err := addressOf(a)
		if err != nil {
			return r, err
		}
		c.to = append(c.to, to)
	}
	deep := 1
	if j.Rate > 0 {
		deep = underWay
	}
	times := make([]int64, deep*j.Connections)
	for i := range c.conns {
		c.conns[i].fd = -1
		c.conns[i].planned = times[i*deep : (i+1)*deep : (i+1)*deep]
	}
	switch {
	case j.Mode == Idle:
		return r, c.idle(begin)
	case j.Mode == CRR:
		return c.crr(begin)
	}
	return c.rr(begin)
}

func (c *caller) close() {
	for i := range c.conns {
		if c.conns[i].fd >= 0 {
			unix.Close(c.conns[i].fd)
		}
	}
	c.poll.close()
}

// open begins a connection whose first request is to be sent at once.
func (c *caller) open(i int) (err error) {
	k := &c.conns[i]
	if k.fd, err = connect(c.to[(i+k.asked)%len(c.to)]); err != nil {
		return fmt.Errorf("connect: %w", err)
	}
	k.connected, k.blocked = false, true
	return c.poll.add(k.fd, i, readable|writable)
}

// enqueue is one more request, which should have been sent at a time.
func (c *caller) enqueue(i int, at int64) {
	k := &c.conns[i]
	k.planned[k.asked%len(k.planned)] = at
	k.asked++
	c.asked++
}

func (k *call) full() bool { return k.asked-k.answered >= len(k.planned) }

// number is what a request is stamped with.
func number(i, n int) uint64 { return uint64(i)<<32 | uint64(uint32(n)) }

// flush sends what is to be sent, as far as there is room.
func (c *caller) flush(i int) error {
	k := &c.conns[i]
	for k.sent < k.asked {
		stamp(c.request, number(i, k.sent))
		n, errno := write(k.fd, c.request[k.out:])
		if errno == again {
			return c.block(i, true)
		}
		if errno != 0 {
			return fmt.Errorf("write: %w", errno)
		}
		if k.out += n; k.out == len(c.request) {
			k.sent, k.out = k.sent+1, 0
		}
	}
	return c.block(i, false)
}

// block says whether the connection waits for room.
func (c *caller) block(i int, blocked bool) error {
	k := &c.conns[i]
	if k.blocked == blocked {
		return nil
	}
	k.blocked = blocked
	if blocked {
		return c.poll.modify(k.fd, i, readable|writable)
	}
	return c.poll.modify(k.fd, i, readable)
}

// on does what one connection wants now.
func (c *caller) on(i int, what uint32) error {
	k := &c.conns[i]
	if !k.connected {
		if err := connected(k.fd); err != nil {
			return fmt.Errorf("connect: %w", err)
		}
		k.connected = true
	}
	if what&(readable|unix.EPOLLERR|unix.EPOLLHUP) != 0 {
		if err := c.receive(i); err != nil || k.fd < 0 {
			return err
		}
	}
	if k.connected && (k.sent < k.asked || k.blocked) {
		return c.flush(i)
	}
	return nil
}

// receive takes what came, and counts the answers in it.
func (c *caller) receive(i int) error {
	k := &c.conns[i]
	n, errno := read(k.fd, c.buf)
	switch {
	case errno == again:
		return nil
	case errno != 0:
		return fmt.Errorf("read: %w", errno)
	case n == 0:
		return fmt.Errorf("read: %w", io.ErrUnexpectedEOF)
	}
	for b := c.buf[:n]; len(b) > 0; {
		if k.answered == k.asked {
			return fmt.Errorf("%d bytes came that nobody asked for", len(b))
		}
		part := b[:min(len(b), c.job.Size-k.in)]
		if err := check(part, k.in, c.job.Size, number(i, k.answered)); err != nil {
			return err
		}
		b = b[len(part):]
		if k.in += len(part); k.in == c.job.Size {
			if err := c.took(i); err != nil {
				return err
			}
		}
	}
	return nil
}

// took is a complete answer.
func (c *caller) took(i int) error {
	k := &c.conns[i]
	now := c.clock.now()
	c.last = now
	if c.measure {
		c.lat.add(now - k.planned[k.answered%len(k.planned)])
	}
	k.answered, k.in = k.answered+1, 0
	c.done++
	if c.job.Mode == CRR {
		unix.Close(k.fd)
		k.fd = -1
	}
	if !c.again {
		return nil
	}
	c.enqueue(i, now)
	if k.fd < 0 {
		return c.open(i)
	}
	return nil // on sends it
}

// until runs the loop until done says so.
func (c *caller) until(done func(now int64) bool) error {
	moved, had := c.clock.now(), c.done
	for {
		if err := c.ended(); err != nil {
			return err
		}
		now := c.clock.now()
		if c.done != had {
			moved, had = now, c.done
		}
		if done(now) {
			return nil
		}
		if now-moved > int64(patience) {
			return errStuck
		}
		most, err := c.ask(now)
		if err != nil {
			return err
		}
		events, err := c.poll.wait(most)
		if err != nil {
			return err
		}
		for e := range events {
			i := int(events[e].Fd)
			if err := c.on(i, events[e].Events); err != nil {
				return fmt.Errorf("connection %d of %d, request %d: %w", i+1, len(c.conns), c.conns[i].answered, err)
			}
		}
	}
}

// ask sends what is planned until now, and says how long there is until the next.
func (c *caller) ask(now int64) (time.Duration, error) {
	for {
		at, wait := c.plan.due(now)
		if wait != 0 {
			return wait, nil
		}
		i := c.plan.next % len(c.conns)
		if c.conns[i].full() {
			return longest, nil // an answer makes room
		}
		c.plan.next++
		c.enqueue(i, at)
		if err := c.flush(i); err != nil {
			return 0, err
		}
	}
}

package lab

import (
	"context"
	"fmt"
	"sync"
	"time"

	"github.com/bulkhead-mesh/bulkhead/bench/load"
)

// container is a process of the data plane that the lab's kubelet keeps running.
type container struct {
	name   string
	node   string
	policy Policy
	begin  func() (*process, error)              // starts the process
	serve  func(context.Context, *process) error // returns when what it is for is served
	report func(Event)
	grace  time.Duration // between being told to end and being made to
	leave  func()        // has the kubelet leave it alone, and waits for that

	mu      sync.Mutex
	process *process      // the latest
	spent   time.Duration // CPU of processes that have ended
}

// start starts the container for the first time and waits until it serves.
func (c *container) start(ctx context.Context) error {
	p, err := c.begin()
	if err != nil {
		return err
	}
	c.set(p)
	return c.serve(ctx, p)
}

func (c *container) set(p *process) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.process = p
}

func (c *container) current() *process {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.process
}

// pid is that of the running process, 0 when there is none.
func (c *container) pid() int {
	p := c.current()
	if p == nil || p.hasEnded() {
		return 0
	}
	return p.pid
}

// keep restarts the container until ctx is done. It forgets earlier deaths once a
// process has run for twice the longest delay, as a kubelet does.
func (c *container) keep(ctx context.Context) {
	deaths := 0
	var buried *process
	for {
		p := c.current()
		began := time.Now()
		select {
		case <-ctx.Done():
			return
		case <-p.ended:
		}
		if time.Since(began) > 2*c.policy.Max {
			deaths = 0
		}
		delay := c.policy.Delay(deaths)
		deaths++
		if p != buried {
			c.bury(p, delay)
			buried = p
		}
		select {
		case <-ctx.Done():
			return
		case <-time.After(delay):
		}
		c.revive(ctx)
	}
}

// bury ends what the process left in its group.
func (c *container) bury(p *process, delay time.Duration) {
	p.kill()
	c.mu.Lock()
	c.spent += p.cpu
	c.mu.Unlock()
	c.tell(EventExit, fmt.Sprintf("%v; restart in %v", p.reason(), delay))
}

// revive starts the process again. One that cannot be started counts as the same
// dead process: keep will wait longer and try again.
func (c *container) revive(ctx context.Context) {
	p, err := c.begin()
	if err != nil {
		c.tell(EventRestart, err.Error())
		return
	}
	c.set(p)
	c.tell(EventRestart, fmt.Sprintf("pid %d", p.pid))
	if err := c.serve(ctx, p); err != nil {
		c.tell(EventRestart, err.Error())
		return
	}
	c.tell(EventServing, fmt.Sprintf("pid %d", p.pid))
}

func (c *container) tell(kind, note string) {
	c.report(Event{At: load.Now(), Kind: kind, Name: c.name, Note: note})
}

// stop ends the container for good; keep must have returned.
func (c *container) stop() {
	if p := c.current(); p != nil {
		p.stop(c.grace)
	}
}

// reason is why a process ended, without its last words.
func (c *process) reason() string {
	if c.err == nil {
		return "exit status 0"
	}
	return c.err.Error()
}

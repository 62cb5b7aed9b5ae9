package lab

import (
	"context"
	"fmt"
	"net"
	"time"
)

// How long things may take. These fire only when something hangs.
const (
	settleTimeout    = 20 * time.Second // addresses of the network
	controlTimeout   = 30 * time.Second
	serveTimeout     = 60 * time.Second // a data plane, from its start until every pod is served
	displaceTimeout  = 30 * time.Second
	pollInterval     = 5 * time.Millisecond
	applicationGrace = 2 * time.Second
	controlGrace     = 2 * time.Second
)

// Parts of the control plane, each a `bulkhead control` of its own, so that one can fail
// without the other. istiod is both in one.
const (
	Discovery = "control" // what the mesh is
	CA        = "ca"      // who is who
)

// Replica is the second control that serves the mesh, where one was asked for.
const Replica = "control-2"

// Parts is both, in the order in which they start.
var Parts = []string{CA, Discovery}

// Control is the process of a part; none while it has ended.
func (l *Lab) Control(part string) []Proc {
	c := l.controller(part)
	if c == nil || c.hasEnded() {
		return nil
	}
	return []Proc{{PID: c.pid, Role: RoleControl, Name: c.name}}
}

// Revive starts a part where it has ended, and returns when it answers. It has what it
// had: the CA's keys are in a directory of the lab.
func (l *Lab) Revive(ctx context.Context, part string) error {
	if c := l.controller(part); c != nil && !c.hasEnded() {
		c.kill() // nobody knows whether one that is being killed still answers
	}
	return l.startControl(ctx, part)
}

// startControl starts a part with what its file says and some arguments more, and waits
// until it answers.
func (l *Lab) startControl(ctx context.Context, part string, more ...string) error {
	argv := append([]string{l.bin("bulkhead"), "control", "--config", l.path(part + ".yaml")}, more...)
	c, err := l.start(program{name: part, argv: argv})
	if err != nil {
		return err
	}
	l.mu.Lock()
	l.control[part] = c
	l.mu.Unlock()
	ctx, cancel := context.WithTimeout(ctx, controlTimeout)
	defer cancel()
	return at("control", part, poll(ctx, c, func() (bool, error) {
		conn, err := net.Dial("unix", l.socketOf(part))
		if err != nil {
			return false, nil // not yet: poll ends with ctx or with the process
		}
		return true, conn.Close()
	}))
}

func (l *Lab) controller(part string) *process {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.control[part]
}

// poll asks done until it says yes, fails, the process ends, or ctx does.
func poll(ctx context.Context, c *process, done func() (bool, error)) error {
	tick := time.NewTicker(pollInterval)
	defer tick.Stop()
	for {
		if yes, err := done(); yes || err != nil {
			return err
		}
		select {
		case <-c.ended:
			return c.failure()
		case <-ctx.Done():
			return notReady(ctx.Err(), c)
		case <-tick.C:
		}
	}
}

func notReady(err error, c *process) error {
	if words := lastWords(c.log); words != "" {
		return fmt.Errorf("%s is not ready: %w; its last words: %s", c.name, err, words)
	}
	return fmt.Errorf("%s is not ready: %w", c.name, err)
}

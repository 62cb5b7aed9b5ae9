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

// startControl starts the CA and waits until it answers.
func (l *Lab) startControl(ctx context.Context) error {
	c, err := l.start(program{name: "control", argv: []string{l.bin("bulkhead"), "control", "--config", l.path(controlFile)}})
	if err != nil {
		return err
	}
	l.mu.Lock()
	l.control = c
	l.mu.Unlock()
	ctx, cancel := context.WithTimeout(ctx, controlTimeout)
	defer cancel()
	return at("control", "", poll(ctx, c, func() (bool, error) {
		conn, err := net.Dial("unix", l.path(caSocket))
		if err != nil {
			return false, nil // not yet: poll ends with ctx or with the process
		}
		return true, conn.Close()
	}))
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

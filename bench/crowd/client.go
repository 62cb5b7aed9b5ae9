package crowd

import (
	"context"
	"errors"
	"fmt"
	"net"
	"net/netip"
	"sync"
	"time"
)

const (
	maxConnections = 16_000
	atATime        = 256         // dials under way
	afterFailure   = time.Second // until a connection is tried again
)

// Client opens connections and keeps them.
type Client struct {
	To          netip.AddrPort
	Connections int
	Manner      Manner
}

// Validate says what is wrong with it.
func (c Client) Validate() error {
	switch {
	case !c.To.IsValid() || c.To.Port() == 0:
		return errNowhere
	case c.Connections < 1 || c.Connections > maxConnections:
		return fmt.Errorf("crowd: %d connections: use 1 to %d", c.Connections, maxConnections)
	}
	return c.Manner.validate()
}

var errNowhere = errors.New("crowd: no address to connect to")

// Run goes on until ctx is done. Whatever becomes of its connections is no error.
func (c Client) Run(ctx context.Context, t *Tally) error {
	if err := c.Validate(); err != nil {
		return err
	}
	dials := make(chan struct{}, atATime)
	var all sync.WaitGroup
	for i := range c.Connections {
		stay := c.Manner.of(i)
		all.Go(func() {
			for ctx.Err() == nil {
				if err := c.visit(ctx, dials, t, stay); err != nil {
					pause(ctx, afterFailure)
				}
			}
		})
	}
	all.Wait()
	return nil
}

// visit is one connection from its dial to its end.
func (c Client) visit(ctx context.Context, dials chan struct{}, t *Tally, stay stay) error {
	select {
	case dials <- struct{}{}:
	case <-ctx.Done():
		return ctx.Err()
	}
	t.Tried.Add(1)
	var d net.Dialer
	conn, err := d.DialContext(ctx, "tcp", c.To.String())
	<-dials
	if err != nil {
		return err
	}
	t.Made.Add(1)
	defer conn.Close()
	defer context.AfterFunc(ctx, func() { conn.Close() })()
	return stay(ctx, conn, t)
}

func pause(ctx context.Context, d time.Duration) {
	t := time.NewTimer(d)
	defer t.Stop()
	select {
	case <-t.C:
	case <-ctx.Done():
	}
}

package crowd

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"net/netip"
	"sync"
	"time"
)

const (
	maxConnections = 10_000
	atATime        = 256                    // dials under way
	slowRead       = 256                    // bytes that a slow reader takes at a time
	slowPause      = 250 * time.Millisecond // and how long it then waits
	afterFailure   = time.Second            // until a connection is tried again
)

// Client opens connections and keeps them.
type Client struct {
	To          netip.AddrPort
	Connections int
}

// Validate says what is wrong with it.
func (c Client) Validate() error {
	switch {
	case !c.To.IsValid() || c.To.Port() == 0:
		return errors.New("crowd: no address to connect to")
	case c.Connections < 1 || c.Connections > maxConnections:
		return fmt.Errorf("crowd: %d connections: use 1 to %d", c.Connections, maxConnections)
	}
	return nil
}

// Run goes on until ctx is done. Whatever becomes of its connections is no error.
func (c Client) Run(ctx context.Context) error {
	if err := c.Validate(); err != nil {
		return err
	}
	dials := make(chan struct{}, atATime)
	var all sync.WaitGroup
	for i := range c.Connections {
		read := readAll
		if i%2 == 1 {
			read = readSlowly
		}
		all.Go(func() {
			for ctx.Err() == nil {
				if err := c.visit(ctx, dials, read); err != nil {
					pause(ctx, afterFailure)
				}
			}
		})
	}
	all.Wait()
	return nil
}

// visit is one connection from its dial to its end.
func (c Client) visit(ctx context.Context, dials chan struct{}, read func(context.Context, net.Conn) error) error {
	select {
	case dials <- struct{}{}:
	case <-ctx.Done():
		return ctx.Err()
	}
	var d net.Dialer
	conn, err := d.DialContext(ctx, "tcp", c.To.String())
	<-dials
	if err != nil {
		return err
	}
	defer conn.Close()
	defer context.AfterFunc(ctx, func() { conn.Close() })()
	return read(ctx, conn)
}

func readAll(_ context.Context, c net.Conn) error {
	_, err := io.Copy(io.Discard, c)
	return err
}

func readSlowly(ctx context.Context, c net.Conn) error {
	b := make([]byte, slowRead)
	for {
		if _, err := c.Read(b); err != nil {
			return err
		}
		pause(ctx, slowPause)
	}
}

func pause(ctx context.Context, d time.Duration) {
	t := time.NewTimer(d)
	defer t.Stop()
	select {
	case <-t.C:
	case <-ctx.Done():
	}
}

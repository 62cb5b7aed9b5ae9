package crowd

import (
	"context"
	"fmt"
	"net"
	"net/netip"
	"sync"
	"time"
)

const (
	maxPerSecond = 4000
	underWay     = 64              // of one pace
	patience     = 2 * time.Second // of one connection or handshake
)

// Storm opens connections and closes each when its first byte has come.
type Storm struct {
	To        netip.AddrPort
	PerSecond int
}

// Validate says what is wrong with it.
func (s Storm) Validate() error { return validPace(s.To, s.PerSecond) }

// Run goes on until ctx is done. Whatever becomes of its connections is no error.
func (s Storm) Run(ctx context.Context, t *Tally) error {
	if err := s.Validate(); err != nil {
		return err
	}
	keepPace(ctx, s.PerSecond, func(ctx context.Context) {
		t.Tried.Add(1)
		var d net.Dialer
		c, err := d.DialContext(ctx, "tcp", s.To.String())
		if err != nil {
			return
		}
		defer c.Close()
		_ = c.SetReadDeadline(time.Now().Add(patience))
		if n, _ := c.Read(make([]byte, 1)); n > 0 {
			t.Made.Add(1)
		}
	})
	return nil
}

func validPace(to netip.AddrPort, perSecond int) error {
	switch {
	case !to.IsValid() || to.Port() == 0:
		return errNowhere
	case perSecond < 1 || perSecond > maxPerSecond:
		return fmt.Errorf("crowd: %d per second: use 1 to %d", perSecond, maxPerSecond)
	}
	return nil
}

// keepPace calls do so often, each time on a goroutine of its own, and leaves out those
// for which nobody is free.
func keepPace(ctx context.Context, perSecond int, do func(context.Context)) {
	var all sync.WaitGroup
	defer all.Wait()
	slots := make(chan struct{}, underWay)
	tick := time.NewTicker(time.Second / time.Duration(perSecond))
	defer tick.Stop()
	for {
		select {
		case <-tick.C:
		case <-ctx.Done():
			return
		}
		select {
		case slots <- struct{}{}:
			all.Go(func() {
				defer func() { <-slots }()
				ctx, cancel := context.WithTimeout(ctx, patience)
				defer cancel()
				do(ctx)
			})
		default:
		}
	}
}

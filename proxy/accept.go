package proxy

import (
	"context"
	"errors"
	"net"
	"os"
	"time"

	"github.com/bulkhead-mesh/bulkhead/proxy/budget"
	"github.com/bulkhead-mesh/bulkhead/redirect"
)

// ear is what a listener's connections are: how they are admitted, served, and
// refused. serve returns when it likes, and calls done once when all is over.
type ear struct {
	admit  func(context.Context) (*budget.Place, error)
	serve  func(ctx context.Context, cut context.CancelCauseFunc, c *net.TCPConn, done func())
	refuse func(*net.TCPConn, error)
}

// acceptLoop hands every accepted connection to serve on a goroutine of its own,
// until ctx ends and the listener is closed, or its deadline is over and nothing waits.
//
// An error that is not the end (EMFILE, ENFILE, ECONNABORTED) backs off from 5 ms
// to 1 s: retrying at once, as ztunnel does, spins every listener of every
// workload when descriptors run out, at the moment when CPU is needed most.
//
// A workload over its budget is waited for here, with one connection in hand: the
// others stay in its own backlog.
func (w *Workload) acceptLoop(ctx, cut context.Context, l *net.TCPListener, e ear) {
	backoff := time.Duration(0)
	for {
		c, err := l.AcceptTCP()
		if err == nil {
			backoff = 0
			if isKnock(c) {
				c.Close()
				continue
			}
			w.admit(ctx, cut, c, e)
			continue
		}
		if ctx.Err() != nil || errors.Is(err, net.ErrClosed) {
			if errors.Is(err, os.ErrDeadlineExceeded) && backlog(l) > 0 {
				letArrive(l)
				continue
			}
			return
		}
		backoff = min(max(2*backoff, 5*time.Millisecond), time.Second)
		w.Log.Warn("accept failed", "workload", w.Config.Workload.UID, "error", err, "retry", backoff)
		select {
		case <-time.After(backoff):
		case <-ctx.Done():
			return
		}
	}
}

// isKnock tells the keeper's look at a listener from a user's connection: it leaves no
// record and counts nowhere.
func isKnock(c *net.TCPConn) bool {
	from, ok := c.RemoteAddr().(*net.TCPAddr)
	return ok && from.AddrPort().Addr().Unmap() == redirect.Knock
}

// admit serves a connection, on a goroutine of its own, once it has its place.
func (w *Workload) admit(ctx, cut context.Context, c *net.TCPConn, e ear) {
	asked := time.Now()
	place, err := e.admit(ctx)
	w.Counters.Queue.Since(asked)
	if err != nil && ctx.Err() == nil { // the end of accepting is no reason to refuse what was accepted
		e.refuse(c, err)
		_ = TCPLeg(c).Reset()
		return
	}
	w.ending.Add(1)
	life, end := under(cut, place)
	go e.serve(life, end, c, func() {
		end(nil)
		place.Leave()
		w.ending.Done()
	})
}

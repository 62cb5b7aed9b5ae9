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
// until ctx ends and the listener is closed; or, if clearing is there, until that ends or
// nothing waits any more.
//
// An error that is not the end (EMFILE, ENFILE, ECONNABORTED) backs off from 5 ms
// to 1 s: retrying at once, as ztunnel does, spins every listener of every
// workload when descriptors run out, at the moment when CPU is needed most.
//
// A workload over its budget is waited for here, with one connection in hand: the
// others stay in its own backlog.
func (w *Workload) acceptLoop(ctx, cut, clearing context.Context, l *net.TCPListener, e ear) {
	backoff := time.Duration(0)
	for {
		c, err := l.AcceptTCP()
		if err == nil {
			backoff = 0
			w.take(ctx, cut, clearing, c, e)
			continue
		}
		if ctx.Err() != nil || errors.Is(err, net.ErrClosed) {
			if !errors.Is(err, os.ErrDeadlineExceeded) {
				return // closed: somebody else accepts now
			}
			if clearing.Err() == nil && backlog(l) > 0 {
				letArrive(l)
				continue
			}
			w.turnAway(l, e)
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

// take admits what was accepted. After the end of ctx it is what waited for the last who
// accepts, and is held to the budget like any other.
func (w *Workload) take(ctx, cut, clearing context.Context, c *net.TCPConn, e ear) {
	if isKnock(c) {
		c.Close()
		return
	}
	if ctx.Err() == nil || !w.last.Load() {
		w.admit(ctx, cut, c, e, true)
		return
	}
	w.admit(clearing, cut, c, e, false)
}

// admit serves a connection, on a goroutine of its own, once it has its place. The one in
// hand when accepting ends is served without a place, if it is exempt: that end is no reason to refuse it.
func (w *Workload) admit(ctx, cut context.Context, c *net.TCPConn, e ear, exempt bool) {
	asked := time.Now()
	place, err := e.admit(ctx)
	w.Counters.Queue.Since(asked)
	if err != nil && !(exempt && ctx.Err() != nil) {
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

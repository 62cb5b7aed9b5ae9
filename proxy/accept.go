package proxy

import (
	"context"
	"errors"
	"net"
	"time"
)

// acceptLoop hands every accepted connection to serve on a goroutine of its own,
// until ctx ends and the listener is closed.
//
// An error that is not the end (EMFILE, ENFILE, ECONNABORTED) backs off from 5 ms
// to 1 s: retrying at once, as ztunnel does, spins every listener of every
// workload when descriptors run out, at the moment when CPU is needed most.
func (w *Workload) acceptLoop(ctx context.Context, l *net.TCPListener, serve func(*net.TCPConn)) {
	backoff := time.Duration(0)
	for {
		c, err := l.AcceptTCP()
		if err == nil {
			backoff = 0
			w.open.Go(func() { serve(c) })
			continue
		}
		if ctx.Err() != nil || errors.Is(err, net.ErrClosed) {
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

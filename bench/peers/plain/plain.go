// Package plain is a TCP relay without TLS: what carrying bytes through two processes costs at least.
//
//	err := plain.Serve(ctx, listener, "127.0.0.1:9000")
//
// The bytes stay in the kernel: [net.TCPConn.ReadFrom] is splice(2). A direction that ends is ended on the other side,
// and the rest goes on; a connection that breaks breaks its partner. Serve owns the listener and every connection, and
// has closed them when it returns.
package plain

import (
	"context"
	"errors"
	"fmt"
	"net"
	"sync"
)

// Serve relays what l accepts to next until ctx is done.
func Serve(ctx context.Context, l net.Listener, next string) error {
	return Accept(ctx, l, func(ctx context.Context, c *net.TCPConn) {
		var d net.Dialer
		to, err := d.DialContext(ctx, "tcp", next)
		if err != nil {
			return
		}
		Join(ctx, c, to.(*net.TCPConn))
	})
}

// Accept runs do for each connection of l until ctx is done, and returns when all have returned. It closes l and the
// connections.
func Accept(ctx context.Context, l net.Listener, do func(context.Context, *net.TCPConn)) error {
	var all sync.WaitGroup
	defer all.Wait()
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	stop := context.AfterFunc(ctx, func() { l.Close() })
	defer stop()
	for {
		c, err := l.Accept()
		if errors.Is(err, net.ErrClosed) && ctx.Err() != nil {
			return nil
		}
		if err != nil {
			return fmt.Errorf("peer: %w", err)
		}
		all.Go(func() { defer c.Close(); do(ctx, c.(*net.TCPConn)) })
	}
}

// Join carries both directions until both have ended, one has failed or ctx is done, and closes b.
func Join(ctx context.Context, a, b *net.TCPConn) {
	stop := context.AfterFunc(ctx, func() { a.Close(); b.Close() })
	defer stop()
	defer b.Close()
	var back sync.WaitGroup
	back.Go(func() { carry(a, b) })
	carry(b, a)
	back.Wait()
}

// carry ends its direction with a FIN when from has ended, else with a reset of both.
func carry(to, from *net.TCPConn) {
	_, err := to.ReadFrom(from)
	if err == nil {
		err = to.CloseWrite()
	}
	if err != nil {
		for _, c := range []*net.TCPConn{to, from} {
			_ = c.SetLinger(0)
			c.Close()
		}
	}
}

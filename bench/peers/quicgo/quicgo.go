// Package quicgo is a pair of proxies on quic-go: a stream of one QUIC connection for each connection, and nothing else,
// no HTTP/3 in between. It is what our tunnels over QUIC are compared with.
//
//	err := quicgo.Client(ctx, listener, "10.0.0.2:15008", name, files) // plain connections in, streams out
//	err := quicgo.Server(ctx, listener, "127.0.0.1:9000", files)       // streams in, plain connections out
//
// Segmentation offload and batched reads are as the library does them. The server's UDP socket is at the address of its
// listener, which itself carries nothing. Client and Server own the listener and all connections, and have closed them
// when they return.
package quicgo

import (
	"context"
	"errors"
	"io"
	"net"
	"sync"

	"github.com/quic-go/quic-go"

	"github.com/bulkhead-mesh/bulkhead/bench/peers/plain"
	"github.com/bulkhead-mesh/bulkhead/bench/peers/xnet"
)

// protocol is what TLS agrees on.
const protocol = "bulkhead-bench"

// portion is one copy.
const portion = 64 << 10

var config = &quic.Config{
	InitialStreamReceiveWindow: 4 << 20, MaxStreamReceiveWindow: 4 << 20,
	InitialConnectionReceiveWindow: 64 << 20, MaxConnectionReceiveWindow: 64 << 20,
	MaxIncomingStreams: 1 << 20,
}

// Client carries what l accepts to the server at next, whose certificate must have the name.
func Client(ctx context.Context, l net.Listener, next, name string, f xnet.Files) error {
	c, roots, err := f.Config(protocol)
	if err != nil {
		l.Close()
		return err
	}
	c.RootCAs, c.ServerName = roots, name
	p := &pool{dial: func() (*quic.Conn, error) { return quic.DialAddr(ctx, next, c, config) }}
	defer p.close()
	return plain.Accept(ctx, l, func(ctx context.Context, c *net.TCPConn) {
		s, err := p.open(ctx)
		if err != nil {
			_ = c.SetLinger(0)
			return
		}
		join(ctx, c, s)
	})
}

// pool is the one connection, once somebody needs it.
type pool struct {
	dial func() (*quic.Conn, error)
	mu   sync.Mutex
	conn *quic.Conn
}

func (p *pool) open(ctx context.Context) (*quic.Stream, error) {
	p.mu.Lock()
	if p.conn == nil || p.conn.Context().Err() != nil {
		c, err := p.dial()
		if err != nil {
			p.mu.Unlock()
			return nil, err
		}
		p.conn = c
	}
	c := p.conn
	p.mu.Unlock()
	return c.OpenStreamSync(ctx)
}

func (p *pool) close() {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.conn != nil {
		_ = p.conn.CloseWithError(0, "")
	}
}

// Server carries the streams of the connections that come to l's address to next.
func Server(ctx context.Context, l net.Listener, next string, f xnet.Files) error {
	c, roots, err := f.Config(protocol)
	if err != nil {
		l.Close()
		return err
	}
	c.ClientCAs, c.ClientAuth = roots, xnet.VerifyClients
	q, err := quic.ListenAddr(l.Addr().String(), c, config)
	if err != nil {
		l.Close()
		return err
	}
	var all sync.WaitGroup
	defer all.Wait()
	defer q.Close()
	all.Go(func() {
		for {
			conn, err := q.Accept(ctx)
			if err != nil {
				return
			}
			all.Go(func() { serve(ctx, conn, next) })
		}
	})
	return plain.Accept(ctx, l, func(context.Context, *net.TCPConn) {}) // who looks whether somebody is there
}

// serve returns when all streams of a connection have ended.
func serve(ctx context.Context, conn *quic.Conn, next string) {
	var all sync.WaitGroup
	defer all.Wait()
	defer context.AfterFunc(ctx, func() { _ = conn.CloseWithError(0, "") })()
	for {
		s, err := conn.AcceptStream(ctx)
		if err != nil {
			return
		}
		all.Go(func() {
			var d net.Dialer
			to, err := d.DialContext(ctx, "tcp", next)
			if err != nil {
				reset(s)
				return
			}
			join(ctx, to.(*net.TCPConn), s)
		})
	}
}

// join carries both directions until both have ended or one has failed, and closes c.
func join(ctx context.Context, c *net.TCPConn, s *quic.Stream) {
	defer c.Close()
	defer context.AfterFunc(ctx, func() { broken(c, s) })()
	var up sync.WaitGroup
	up.Go(func() {
		if _, err := io.CopyBuffer(struct{ io.Writer }{s}, struct{ io.Reader }{c}, make([]byte, portion)); err != nil {
			broken(c, s)
			return
		}
		_ = s.Close()
	})
	_, err := io.CopyBuffer(struct{ io.Writer }{c}, struct{ io.Reader }{s}, make([]byte, portion))
	if err == nil {
		err = c.CloseWrite()
	}
	if err != nil && !errors.Is(err, net.ErrClosed) {
		broken(c, s)
	}
	up.Wait()
}

func broken(c *net.TCPConn, s *quic.Stream) {
	reset(s)
	_ = c.SetLinger(0)
	c.Close()
}

func reset(s *quic.Stream) {
	s.CancelRead(1)
	s.CancelWrite(1)
}

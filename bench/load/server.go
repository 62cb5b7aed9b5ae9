package load

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"net"
	"net/netip"
	"sync"
	"time"
)

// maxConns bounds what a leaking client can make the server hold.
const maxConns = 4096

// server answers request frames. Its listeners are its own, serve closes them.
type server struct {
	listeners []net.Listener
	handlers  sync.WaitGroup
	slots     chan struct{}
}

// newServer listens on every address, or on none.
func newServer(ctx context.Context, addrs []string) (*server, error) {
	s := &server{slots: make(chan struct{}, maxConns)}
	for _, a := range addrs {
		l, err := listen(ctx, a)
		if err != nil {
			s.close()
			return nil, fmt.Errorf("application: %w", err)
		}
		s.listeners = append(s.listeners, l)
	}
	return s, nil
}

// listen opens a plain TCP listener of both families. Go makes Multipath TCP
// listeners by default, which would be one more protocol between a packet and
// what the lab says about it; and it asks for keep-alives on every connection, four
// system calls each, where every request has its own timeout.
func listen(ctx context.Context, addr string) (net.Listener, error) {
	lc := net.ListenConfig{KeepAlive: -1}
	lc.SetMultipathTCP(false)
	return lc.Listen(ctx, "tcp", addr)
}

func (s *server) close() {
	for _, l := range s.listeners {
		l.Close()
	}
}

// serve accepts until ctx is done, then closes listeners and connections and
// waits for its handlers.
func (s *server) serve(ctx context.Context) {
	stop := context.AfterFunc(ctx, s.close)
	defer stop()
	var loops sync.WaitGroup
	for _, l := range s.listeners {
		loops.Go(func() { s.accept(ctx, l) })
	}
	loops.Wait()
	s.handlers.Wait()
}

func (s *server) accept(ctx context.Context, l net.Listener) {
	for {
		c, err := l.Accept()
		if errors.Is(err, net.ErrClosed) {
			return
		}
		if err != nil { // out of descriptors: a busy loop would make it worse
			pause(ctx, 10*time.Millisecond)
			continue
		}
		select {
		case s.slots <- struct{}{}:
			s.handlers.Go(func() {
				defer func() { <-s.slots }()
				s.handle(ctx, c)
			})
		default:
			c.Close()
		}
	}
}

// handle answers one connection's frames in order. It flushes when it would have
// to wait for the next request, so pipelined requests share segments.
func (s *server) handle(ctx context.Context, c net.Conn) {
	defer c.Close()
	defer context.AfterFunc(ctx, func() { c.Close() })()
	client := addrPort(c.RemoteAddr())
	r, w := bufio.NewReaderSize(c, 4<<10), bufio.NewWriterSize(c, 4<<10)
	var answer []byte
	for {
		body, err := readFrame(r)
		if err != nil || checkRequest(body) != nil {
			return // the client sees the end of the connection and says so
		}
		answer = appendAnswer(answer[:0], body, client)
		if _, err := w.Write(answer); err != nil {
			return
		}
		if r.Buffered() > 0 {
			continue
		}
		if err := w.Flush(); err != nil {
			return
		}
	}
}

// addrPort is a TCP address without the IPv6 form of an IPv4 address, which a
// listener of both families reports.
func addrPort(a net.Addr) netip.AddrPort {
	t, ok := a.(*net.TCPAddr)
	if !ok {
		return netip.AddrPort{}
	}
	ap := t.AddrPort()
	return netip.AddrPortFrom(ap.Addr().Unmap().WithZone(""), ap.Port())
}

// pause waits for d or for the end of ctx.
func pause(ctx context.Context, d time.Duration) {
	t := time.NewTimer(d)
	defer t.Stop()
	select {
	case <-t.C:
	case <-ctx.Done():
	}
}

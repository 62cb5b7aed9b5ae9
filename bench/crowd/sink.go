package crowd

import (
	"context"
	"crypto/tls"
	"net"
	"net/netip"
	"sync"
	"time"
)

const (
	toEach     = 256 << 10            // bytes that every connection is sent
	greeters   = 8                    // handshakes under way
	greetEvery = 4 * time.Millisecond // between two, of all greeters
	greetLimit = 2 * time.Second      // of one
)

// Sink is the other end of a crowd.
type Sink struct {
	// Flood is a listener that gets TLS handshakes all the while; zero: none does.
	Flood netip.AddrPort
}

// Run serves l until ctx is done, and closes it.
func (s Sink) Run(ctx context.Context, l net.Listener) error {
	var all sync.WaitGroup
	defer all.Wait()
	defer context.AfterFunc(ctx, func() { l.Close() })()
	if s.Flood.IsValid() {
		all.Go(func() { s.greet(ctx, &all) })
	}
	for {
		c, err := l.Accept()
		if err != nil && ctx.Err() != nil {
			return nil
		}
		if err != nil { // out of descriptors
			pause(ctx, 10*time.Millisecond)
			continue
		}
		all.Go(func() { pour(ctx, c) })
	}
}

// pour sends what is owed and waits for the end.
func pour(ctx context.Context, c net.Conn) {
	defer c.Close()
	defer context.AfterFunc(ctx, func() { c.Close() })()
	b := make([]byte, 16<<10)
	for range toEach / len(b) {
		if _, err := c.Write(b); err != nil {
			return
		}
	}
	_, _ = c.Read(b) // nobody sends: it returns when the other end has gone
}

// greet begins handshakes at its pace, and leaves out those for which nobody is free.
func (s Sink) greet(ctx context.Context, all *sync.WaitGroup) {
	slots := make(chan struct{}, greeters)
	tick := time.NewTicker(greetEvery)
	defer tick.Stop()
	for {
		select {
		case <-tick.C:
		case <-ctx.Done():
			return
		}
		select {
		case slots <- struct{}{}:
			all.Go(func() { defer func() { <-slots }(); s.handshake(ctx) })
		default:
		}
	}
}

// handshake comes without a certificate: the server has signed when it finds that out.
func (s Sink) handshake(ctx context.Context) {
	ctx, cancel := context.WithTimeout(ctx, greetLimit)
	defer cancel()
	d := tls.Dialer{Config: &tls.Config{InsecureSkipVerify: true, NextProtos: []string{"h2"}, MinVersion: tls.VersionTLS13}}
	c, err := d.DialContext(ctx, "tcp", s.Flood.String())
	if err != nil {
		return
	}
	_ = c.SetReadDeadline(time.Now().Add(greetLimit))
	_, _ = c.Read(make([]byte, 1)) // TLS 1.3: the refusal comes after the client's end
	c.Close()
}

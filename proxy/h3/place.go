package h3

import (
	"fmt"
	"net"
	"net/netip"
	"sync"
	"sync/atomic"
	"time"
)

// Where the dialling end is. Its packets may come from another address than before, and quic-go then
// follows it once it has seen that it receives there, and tells nobody. But policies may be about addresses, so
// the accepting end looks: before each stream, with each read and write of one, and each second while streams are open. A peer that is elsewhere when
// it looks has moved. One that was elsewhere and is back before anybody looked, all while the application took nothing, is not seen: who holds the identity
// in both places could as well send the bytes from one to the other by itself.

// lookAround is how long an open stream that moves nothing may go on from an address that nobody has judged.
const lookAround = time.Second

// place is where the peer was when somebody looked last.
type place struct {
	looking sync.Mutex // one look at a time
	at      netip.AddrPort
	seen    atomic.Pointer[net.UDPAddr] // the same, as quic-go has it: another one may be another place
	moved   func(netip.AddrPort) error  // nil: nobody wants to know

	timer *time.Timer // guarded by conn.mu
}

// MovedError ends a tunnel whose peer has moved and may not.
type MovedError struct {
	From, To netip.AddrPort
	Err      error
}

func (e *MovedError) Error() string {
	return fmt.Sprintf("h3: peer moved from %s to %s: %v", e.From, e.To, e.Err)
}
func (e *MovedError) Unwrap() error { return e.Err }

// track looks as long as streams are open. The caller holds mu.
func (c *conn) track() {
	if c.place.moved != nil && c.place.timer == nil && c.err == nil {
		c.place.timer = time.AfterFunc(lookAround, c.lookAround)
	}
}

// lookAround is called in a goroutine of its own.
func (c *conn) lookAround() {
	c.locate()
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.place.timer = nil; c.streams > 0 {
		c.track()
	}
}

// away is what ends the use of a stream whose peer has moved and may not: two loads and a comparison, as long as it does not move.
func (s *stream) away() error {
	c := s.c
	if c.place.moved == nil || c.q.RemoteAddr() == net.Addr(c.place.seen.Load()) {
		return nil
	}
	c.locate()
	c.mu.Lock()
	err := c.err
	c.mu.Unlock()
	if err != nil {
		return err
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.closed // the tunnel may stay, and this stream be denied
}

// locate tells of a peer that has moved, and ends the tunnel if it may not.
func (c *conn) locate() {
	p := &c.place
	if p.moved == nil {
		return
	}
	p.looking.Lock()
	defer p.looking.Unlock()
	now := c.q.RemoteAddr()
	from, to := p.at, addrOf(now)
	if u, ok := now.(*net.UDPAddr); ok {
		defer p.seen.Store(u)
	}
	if from.Addr() == to.Addr() { // another port is no other place
		return
	}
	p.at = to
	if err := p.moved(to); err != nil {
		c.failWith(&ConnError{codeProtocol, (&MovedError{from, to, err}).Error()})
	}
}

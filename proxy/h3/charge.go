package h3

import (
	"sync/atomic"
	"time"
)

// What a stream holds is charged to its workload's budget. quic-go does not say how much of a
// stream has arrived and was not read, but while somebody waits for the next byte it is nothing,
// and while nobody does it is a window at most. So a stream is charged with all that it may hold
// from the moment that its reader turns to something else until it comes back: two atomic
// operations for each read, and nothing for the many streams that are idle.
//
// Reading on into memory of our own, which could be counted, was rejected: quic-go's windows
// would have to be there all the same, and a reader that keeps up would pay for a second copy and a
// goroutine.
//
// There is no window that could shrink, as over HTTP/2, when the budget gets short. A stream that
// finds no room owes what it may hold and goes on, since most readers are back at once; one whose reader has not come
// back after a look at all of them, and another one, is reset. When as much is owed as the budget has, a
// stream is reset at once. Paid or owed, it is given back when the stream is gone and not when it is
// reset: see vanish.go.

// pause is between two looks at the streams that found no room.
const pause = 250 * time.Millisecond

// copySize is what WriteTo reads at once.
const copySize = 64 << 10

// The states of a charge.
const (
	waiting int32 = iota // the reader waits: nothing is held
	paid                 // it is away, and the account is charged
	owing                // it is away, and the account had no room
	late                 // and was so at the last look
	lost                 // and so the stream was reset; it owes until it is gone
	settled              // nothing will be held any more
)

// charge is what a stream owes to its account.
type charge struct{ state atomic.Int32 }

// holds is what a stream whose reader is away may have got: its window, and what was read of
// it last and is being written to the other side.
func (c *conn) holds() int { return c.o.StreamWindow + copySize }

// waits says that a reader is there.
func (s *stream) waits() {
	for s.c.o.Account != nil {
		was := s.charge.state.Load()
		if was == settled || was == lost {
			return
		}
		if s.charge.state.CompareAndSwap(was, waiting) {
			s.repay(was)
			return
		}
	}
}

// leaves says that the reader has turned to something else.
func (s *stream) leaves() {
	if s.c.o.Account == nil || s.charge.state.Load() != waiting {
		return
	}
	if s.pay(waiting) {
		return
	}
	next := owing
	if !s.c.o.Account.Owe(s.c.holds()) {
		next = lost
	}
	switch {
	case !s.charge.state.CompareAndSwap(waiting, next): // ended, or back, in between
		s.repay(next)
	case next == lost:
		s.evict()
	default:
		s.c.owes(s)
	}
}

// pay charges the account, unless the state has changed, and says whether there was room. The last eighth is left to those who
// hold little.
func (s *stream) pay(from int32) bool {
	a := s.c.o.Account
	if !a.TakeMore(s.c.holds()) {
		return false
	}
	if s.charge.state.CompareAndSwap(from, paid) {
		s.repay(from)
	} else { // ended, or back, in between
		a.Give(s.c.holds())
	}
	return true
}

// repay gives back what the state was charged with.
func (s *stream) repay(was int32) {
	switch was {
	case paid:
		s.c.o.Account.Give(s.c.holds())
	case owing, late, lost:
		s.c.o.Account.Clear(s.c.holds())
	}
}

// settle says that nothing will be held any more.
func (s *stream) settle() { s.repay(s.charge.state.Swap(settled)) }

// owes has a stream looked at.
func (c *conn) owes(s *stream) {
	c.mu.Lock()
	ended := c.err != nil
	if !ended {
		if c.owing == nil {
			c.owing = make(map[*stream]struct{})
		}
		c.owing[s] = struct{}{}
		c.wantReminder()
	}
	c.mu.Unlock()
	if ended {
		s.evictIfOwing()
	}
}

// evictAll is called when the connection ends: nobody looks at its streams any more.
func (c *conn) evictAll() {
	c.mu.Lock()
	owing := c.owing
	c.owing = nil
	c.mu.Unlock()
	for s := range owing {
		s.evictIfOwing()
	}
}

func (s *stream) evictIfOwing() {
	if s.charge.state.CompareAndSwap(owing, lost) || s.charge.state.CompareAndSwap(late, lost) {
		s.evict()
	}
}

// wantReminder has remind called after a pause. The caller holds mu.
func (c *conn) wantReminder() {
	if c.reminder == nil && len(c.owing)+len(c.leavers) > 0 && c.err == nil {
		c.reminder = time.AfterFunc(pause, c.remind)
	}
}

// remind looks at the streams that found no room, and at those that do not go. It is called in a goroutine of its own.
func (c *conn) remind() {
	c.mu.Lock()
	evicted := c.debtors()
	withheld := c.withheld()
	c.reminder = nil
	c.wantReminder()
	c.mu.Unlock()
	for _, s := range evicted {
		s.evict()
	}
	if withheld {
		c.failWith(connError(codeLoad, "no final size of a stream that was reset"))
	}
}

// debtors are the streams that are to be reset. The caller holds mu.
func (c *conn) debtors() (evicted []*stream) {
	for s := range c.owing {
		was := s.charge.state.Load()
		switch {
		case was != owing && was != late, s.pay(was): // back, ended, or charged now
			delete(c.owing, s)
		case s.charge.state.CompareAndSwap(owing, late): // until the next look
		case s.charge.state.CompareAndSwap(late, lost):
			delete(c.owing, s)
			evicted = append(evicted, s)
		}
	}
	return evicted
}

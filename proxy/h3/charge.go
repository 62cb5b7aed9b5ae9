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
// finds no room goes on, since most readers are back at once; one whose reader has not come
// back after a look at all of them, and another one, is reset.

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
		if was == settled {
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
	if s.charge.state.CompareAndSwap(waiting, owing) {
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
	if !s.charge.state.CompareAndSwap(from, paid) { // ended, or back, in between
		a.Give(s.c.holds())
	}
	return true
}

func (s *stream) repay(was int32) {
	if was == paid {
		s.c.o.Account.Give(s.c.holds())
	}
}

// settle says that nothing will be read any more.
func (s *stream) settle() { s.repay(s.charge.state.Swap(settled)) }

// owes has a stream looked at.
func (c *conn) owes(s *stream) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.err != nil {
		return
	}
	if c.owing == nil {
		c.owing = make(map[*stream]struct{})
	}
	c.owing[s] = struct{}{}
	if c.reminder == nil {
		c.reminder = time.AfterFunc(pause, c.remind)
	}
}

// remind looks at the streams that found no room. It is called in a goroutine of its own.
func (c *conn) remind() {
	c.mu.Lock()
	var lost []*stream
	for s := range c.owing {
		was := s.charge.state.Load()
		switch {
		case was != owing && was != late, s.pay(was): // back, ended, or charged now
			delete(c.owing, s)
		case s.charge.state.CompareAndSwap(owing, late): // until the next look
		case s.charge.state.CompareAndSwap(late, settled):
			delete(c.owing, s)
			lost = append(lost, s)
		}
	}
	if c.reminder = nil; len(c.owing) > 0 && c.err == nil {
		c.reminder = time.AfterFunc(pause, c.remind)
	}
	c.mu.Unlock()
	for _, s := range lost {
		s.abortWith(codeLoad, s.c.o.Account.Overflow())
	}
}

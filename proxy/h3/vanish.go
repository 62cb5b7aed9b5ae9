package h3

import "time"

// When a stream is gone. quic-go keeps what came for a stream, read or not, until its user has let go of it
// and its peer has said how long it was: by FIN, or by the reset that answers ours (RFC 9000 section 3.5). Only then
// the stream's charge is given back. A peer may withhold that answer, and so have us hold what it has sent;
// it loses its tunnel, with which everything goes.

// vanish is called once for each stream, when its user has let go of it.
func (c *conn) vanish(s *stream) {
	s.mu.Lock()
	ended := s.ended
	s.mu.Unlock()
	if ended || !c.awaits(s) {
		s.settle()
		return
	}
	s.q.SetReceiveFinalSizeCallback(func(int64) { c.vanished(s) })
}

// awaits notes a stream whose length is not known, unless the connection is gone.
func (c *conn) awaits(s *stream) bool {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.over {
		return false
	}
	if c.leavers == nil {
		c.leavers = make(map[*stream]time.Time)
	}
	c.leavers[s] = time.Now()
	c.wantReminder()
	return true
}

// vanished is called by quic-go, and must not wait.
func (c *conn) vanished(s *stream) {
	c.mu.Lock()
	delete(c.leavers, s)
	c.mu.Unlock()
	s.settle()
}

// withheld says whether the peer has taken too long for one of them. The caller holds mu.
func (c *conn) withheld() bool {
	patience := c.o.FinalTimeout
	if c.o.Account.Drowned() {
		patience = min(patience, 2*pause)
	}
	for _, since := range c.leavers {
		if time.Since(since) > patience {
			return true
		}
	}
	return false
}

// settleAll is called when the connection is gone, with all that it held.
func (c *conn) settleAll() {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.over = true
	for s := range c.leavers {
		s.settle()
	}
	c.leavers = nil
}

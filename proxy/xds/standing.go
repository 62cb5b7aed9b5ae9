package xds

import (
	"maps"
	"slices"
	"sync"
	"time"
)

// Standing is how a client stands with its server.
type Standing struct {
	Since    time.Time     // it hears, or does not, since then
	Error    string        // why it hears nothing; empty: it does
	Answered time.Duration // how long the server's last sign of life took; zero: there was none
	Refused  string        // what of the newest is not used, and why
	Server   string        // the replica that was heard last; empty: none was

	// Messages are the responses so far, and Bytes those of the resources in them, by type.
	Messages, Bytes map[string]uint64
	// Ended are the streams that did, by why: ConnectionError, Error, Reconnect, Complete.
	Ended map[string]uint64
}

// standing is what a client remembers of that. The zero value is not ready.
type standing struct {
	mu      sync.Mutex
	now     Standing
	refused map[string]string // by name; why
	behind  bool              // the server says that it has not what it should have
}

func newStanding() *standing {
	return &standing{now: Standing{Since: time.Now(), Error: "nothing was heard yet"}, refused: map[string]string{}}
}

// begin notes a stream: what is still refused of what the server has will be sent, and refused, again.
func (s *standing) begin() {
	s.mu.Lock()
	defer s.mu.Unlock()
	clear(s.refused)
}

// heard notes an answer of a replica, of any kind.
func (s *standing) heard(server string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.now.Server = server
	s.hear()
}

func (s *standing) hear() {
	if s.now.Error != "" {
		s.now.Error, s.now.Since = "", time.Now()
	}
}

// alive notes a sign of life, how long it took, and what the server says of itself.
func (s *standing) alive(took time.Duration, behind bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.hear()
	s.now.Answered, s.behind = took, behind
}

// lost notes that nothing is heard, since when that began.
func (s *standing) lost(since time.Time, why string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.now.Error == "" {
		s.now.Since = since
	}
	s.now.Error = why
}

// Bounds of what is remembered of resources that are refused; the log has all.
const (
	maxRefused = 32
	maxReason  = 256
)

// settle notes what became of a response's resources.
func (s *standing) settle(r Response, rejected map[string]error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	for _, x := range r.Resources {
		delete(s.refused, x.Name)
	}
	for _, name := range r.Removed {
		delete(s.refused, name)
	}
	for name, why := range rejected {
		if len(s.refused) < maxRefused {
			text := why.Error()
			s.refused[name] = text[:min(len(text), maxReason)]
		}
	}
}

// Standing is how it is now.
func (c *Client) Standing() Standing {
	s := c.standing
	s.mu.Lock()
	defer s.mu.Unlock()
	now := s.now
	if names := slices.Sorted(maps.Keys(s.refused)); len(names) > 0 {
		now.Refused = names[0] + ": " + s.refused[names[0]]
	}
	if s.behind {
		now.Refused = "control has a mesh that it cannot use, and keeps the one before"
	}
	now.Messages, now.Bytes, now.Ended = c.traffic.copies()
	return now
}

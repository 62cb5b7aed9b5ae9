package h2

import "time"

// deadline bounds the waits of one direction of a stream. There is none before one is set:
// a relay has no use for them, and most streams are relayed. The lock of those who wait
// guards it.
type deadline struct {
	at    time.Time // zero: none
	timer *time.Timer
}

// passed is for a nil deadline, too.
func (d *deadline) passed() bool { return d != nil && !d.at.IsZero() && !time.Now().Before(d.at) }

// set replaces the deadline and returns it; wake is called when it has come.
func (d *deadline) set(t time.Time, wake func()) *deadline {
	if d == nil {
		d = new(deadline)
	}
	if d.timer != nil {
		d.timer.Stop()
	}
	d.at, d.timer = t, nil
	if !t.IsZero() {
		d.timer = time.AfterFunc(time.Until(t), wake)
	}
	return d
}

// SetDeadline: see tunnel.Stream.
func (s *stream) SetDeadline(t time.Time) error {
	_ = s.SetReadDeadline(t) // neither fails
	return s.SetWriteDeadline(t)
}

// SetReadDeadline: see tunnel.Stream.
func (s *stream) SetReadDeadline(t time.Time) error {
	s.in.mu.Lock()
	defer s.in.mu.Unlock()
	s.in.deadline = s.in.deadline.set(t, s.in.stir)
	s.in.wake.Broadcast() // who waits has a new one to look at
	return nil
}

// stir lets who reads look again.
func (b *inbox) stir() {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.wake.Broadcast()
}

// SetWriteDeadline: see tunnel.Stream.
func (s *stream) SetWriteDeadline(t time.Time) error {
	s.c.mu.Lock()
	defer s.c.mu.Unlock()
	s.deadline = s.deadline.set(t, s.stir)
	s.writable.Broadcast()
	return nil
}

// stir lets who writes look again.
func (s *stream) stir() {
	s.c.mu.Lock()
	defer s.c.mu.Unlock()
	s.writable.Broadcast()
}

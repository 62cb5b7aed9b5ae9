package tunnel

import (
	"errors"
	"testing"
)

// breakingStream is a stream that its own end may reset.
type breakingStream struct {
	fakeStream
	f func(error)
}

func (s *breakingStream) OnBreak(f func(error)) { s.f = f }

// A relay has streams of a pool: it is told of a reset for want of budget through the lease, and asks in vain where there is none.
func TestALeaseBreaks(t *testing.T) {
	s := &breakingStream{}
	boom := errors.New("boom")
	var why error
	(&lease{Stream: s}).OnBreak(func(err error) { why = err })
	if s.f == nil {
		t.Fatal("nobody would be told")
	}
	if s.f(boom); why != boom {
		t.Errorf("told was %v", why)
	}
	(&lease{Stream: &fakeStream{}}).OnBreak(func(error) { t.Error("told of what does not break") })
}

package h2

import (
	"io"
	"sync/atomic"
	"testing"
	"time"

	"golang.org/x/net/http2"

	"github.com/bulkhead-mesh/bulkhead/proxy/hbone"
	"github.com/bulkhead-mesh/bulkhead/proxy/tunnel"
)

// Streams that are begun and reset, by the peer or because it makes us. What counts is
// not the frames but the work behind a stream, which goes on after its reset.

// atWork counts handlers, and the most at a time.
type atWork struct {
	now, most atomic.Int64
	goOn      chan struct{}
}

// stubborn never answers and does not notice the end of its stream.
func (a *atWork) stubborn(tunnel.Incoming) {
	n := a.now.Add(1)
	for m := a.most.Load(); n > m && !a.most.CompareAndSwap(m, n); m = a.most.Load() {
	}
	<-a.goOn
	a.now.Add(-1)
}

// kept returns at once, and leaves its stream to a goroutine that is as stubborn.
func (a *atWork) kept(in tunnel.Incoming) {
	release := in.Keep()
	go func() {
		defer release()
		a.stubborn(in)
	}()
}

// resetStorm stages an attack whose streams are given to stubborn handlers, and checks
// that there are never more than twice as many as streams are allowed.
func resetStorm(t *testing.T, send func(s *scene, id uint32) error) {
	for name, handler := range map[string]func(*atWork) tunnel.Handler{
		"handlers notice": func(*atWork) tunnel.Handler { return idle },
		"handlers go on":  func(a *atWork) tunnel.Handler { return a.stubborn },
		"streams kept":    func(a *atWork) tunnel.Handler { return a.kept },
	} {
		t.Run(name, func(t *testing.T) {
			a := &atWork{goOn: make(chan struct{})}
			h := handler(a)
			s := accepting(t, Options{MaxStreams: 50, StreamWindow: initialWindow}, h)
			end := s.end
			s.end = func() error {
				close(a.goOn) // Serve waits for its handlers
				return end()
			}
			s.ends(http2.ErrCodeEnhanceYourCalm, func(i uint32) error {
				id, err := s.open(i)
				if err != nil {
					return err
				}
				return send(s, id)
			})
			if m := a.most.Load(); m > 2*50 {
				t.Errorf("%d handlers were at work", m)
			}
		})
	}
}

// CVE-2023-44487, "rapid reset".
func TestRapidReset(t *testing.T) {
	resetStorm(t, func(s *scene, id uint32) error { return s.fr.WriteRSTStream(id, http2.ErrCodeCancel) })
}

// CVE-2025-8671, "MadeYouReset": the peer does something wrong on each stream, so that
// we reset it, and no count of its own resets sees anything.
func TestMadeYouReset(t *testing.T) {
	for name, wrong := range map[string]func(s *scene, id uint32) error{
		"WINDOW_UPDATE of 0":     func(s *scene, id uint32) error { return s.fr.WriteWindowUpdate(id, 0) },
		"window above 2^31-1":    func(s *scene, id uint32) error { return s.fr.WriteWindowUpdate(id, maxWindow) },
		"HEADERS after the head": func(s *scene, id uint32) error { return s.repeat(id) },
		"DATA after END_STREAM": func(s *scene, id uint32) error {
			_ = s.fr.WriteData(id, true, nil)
			return s.fr.WriteData(id, false, []byte("x"))
		},
		"HEADERS after END_STREAM": func(s *scene, id uint32) error {
			_ = s.fr.WriteData(id, true, nil)
			return s.repeat(id)
		},
		"DATA beyond the window": func(s *scene, id uint32) error {
			for range 3 {
				_ = s.fr.WriteData(id, false, make([]byte, minFrameSize))
			}
			return s.fr.WriteData(id, false, make([]byte, minFrameSize))
		},
	} {
		t.Run(name, func(t *testing.T) { resetStorm(t, wrong) })
	}
}

// repeat sends a head on a stream that has one.
func (s *scene) repeat(id uint32) error {
	return s.fr.WriteHeaders(http2.HeadersFrameParam{StreamID: id, BlockFragment: connectBlock, EndHeaders: true, EndStream: true})
}

// MadeYouReset once more: PRIORITY of a wrong length is an error of the stream in
// RFC 9113 section 6.3; x/net's Framer makes it one of the tunnel, which is stricter.
func TestPriorityOfAWrongLength(t *testing.T) {
	bothEnds(t, Options{}, func(t *testing.T, s *scene) {
		s.ends(http2.ErrCodeFrameSize, func(uint32) error { return s.fr.WriteRawFrame(http2.FramePriority, 0, 1, make([]byte, 4)) })
	})
}

// Streams beyond the limit are refused, each with a frame of ours.
func TestRefusedStreamFlood(t *testing.T) {
	s := accepting(t, Options{}, idle)
	s.ends(http2.ErrCodeEnhanceYourCalm, func(i uint32) error {
		_, err := s.open(i)
		return err
	})
}

// CVE-2019-9514, "reset flood": the peer makes us reset and does not take the frames.
func TestResetFloodThatNobodyReads(t *testing.T) {
	s := accepting(t, Options{WriteTimeout: time.Second}, idle)
	s.deaf.Store(true)
	for i := range uint32(1_000_000) {
		id, err := s.open(i)
		if err != nil || s.fr.WriteWindowUpdate(id, 0) != nil {
			break
		}
	}
	s.c.Close()
	if err := s.end(); err == nil {
		t.Error("Serve returned nil")
	}
}

// Streams that are answered at once and then reset are what short connections look
// like: they are no flood, and what is left of them neither.
func TestAnsweredStreamsMayBeReset(t *testing.T) {
	s := accepting(t, Options{}, func(in tunnel.Incoming) {
		st, err := in.Accept(hbone.Header{})
		if err == nil {
			_, _ = io.Copy(io.Discard, st)
		}
	})
	s.bears(3000, func(i uint32) error {
		id, err := s.open(i)
		for head := uint32(0); err == nil && head != id; {
			head = <-s.heads
		}
		if err == nil {
			err = s.fr.WriteRSTStream(id, http2.ErrCodeCancel)
		}
		return err
	})
}

// RST_STREAM, WINDOW_UPDATE and HEADERS on a stream that is closed: a few cross its
// end, thousands do not.
func TestFloodOfAClosedStream(t *testing.T) {
	for name, send := range map[string]func(s *scene) error{
		"HEADERS":       func(s *scene) error { return s.repeat(3) },
		"RST_STREAM":    func(s *scene) error { return s.fr.WriteRSTStream(3, http2.ErrCodeCancel) },
		"WINDOW_UPDATE": func(s *scene) error { return s.fr.WriteWindowUpdate(3, 1) },
		"END_STREAM":    func(s *scene) error { return s.fr.WriteData(3, true, nil) },
	} {
		t.Run(name, func(t *testing.T) {
			bothEnds(t, Options{}, func(t *testing.T, s *scene) {
				s.ends(http2.ErrCodeEnhanceYourCalm, func(uint32) error { return send(s) })
			})
		})
	}
}

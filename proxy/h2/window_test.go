package h2

import (
	"io"
	"net"
	"testing"
	"time"

	"golang.org/x/net/http2"

	"github.com/bulkhead-mesh/bulkhead/proxy/budget"
	"github.com/bulkhead-mesh/bulkhead/proxy/hbone"
	"github.com/bulkhead-mesh/bulkhead/proxy/tunnel"
)

// Games with windows: much is asked for and not taken.

// pour is a handler that sends without end.
func pour(in tunnel.Incoming) {
	s, err := in.Accept(hbone.Header{})
	if err != nil {
		return
	}
	defer s.Close()
	for b := make([]byte, 64<<10); err == nil; {
		_, err = s.Write(b)
	}
}

// thirsty asks for much in n streams.
func thirsty(t *testing.T, o Options, n uint32) *scene {
	s := accepting(t, o, pour)
	for i := range n {
		_, err := s.open(i)
		s.must(err)
	}
	return s
}

// CVE-2019-9511, "data dribble", and CVE-2016-1546, slow reading: windows of 1 byte.
func TestDataDribble(t *testing.T) {
	account := budget.NewAccount(budget.Limits{Bytes: 2 << 20}, budget.NewTurns(1))
	s := accepting(t, Options{Account: account}, pour)
	s.must(s.fr.WriteSettings(http2.Setting{ID: http2.SettingInitialWindowSize, Val: 1}))
	s.must(s.fr.WriteWindowUpdate(1, 1<<20)) // the neighbour's was taken back, too
	for i := range uint32(100) {
		_, err := s.open(i)
		s.must(err)
	}
	s.bears(5000, func(i uint32) error { return s.fr.WriteWindowUpdate(5+2*(i%100), 1) })
	if n := account.Buffered(); n > 2*batchSize {
		t.Errorf("%d bytes are buffered for windows of 1", n)
	}
}

// Windows that are never opened: the streams wait, and cost nobody anything.
func TestWindowsWithheld(t *testing.T) {
	account := budget.NewAccount(budget.Limits{Bytes: 2 << 20}, budget.NewTurns(1))
	s := accepting(t, Options{Account: account}, pour)
	s.must(s.fr.WriteSettings(http2.Setting{ID: http2.SettingInitialWindowSize, Val: 0}))
	s.must(s.fr.WriteWindowUpdate(1, 1<<20))
	s.bears(150, func(i uint32) error {
		_, err := s.open(i)
		return err
	})
	if n := account.Buffered(); n > 2*batchSize {
		t.Errorf("%d bytes are buffered for windows of 0", n)
	}
}

// CVE-2019-9517, "internal data buffering": HTTP/2's windows are wide open, and TCP's
// stays shut. What waits is bounded and charged, and the tunnel ends.
func TestInternalDataBuffering(t *testing.T) {
	t.Run("TCP", func(t *testing.T) { dataBuffering(t, nil) })
	t.Run("TLS", func(t *testing.T) { dataBuffering(t, sealed(t)) })
}

func dataBuffering(t *testing.T, ends func() (theirs, ours net.Conn)) {
	account := budget.NewAccount(budget.Limits{Bytes: 2 << 20}, budget.NewTurns(1))
	s := acceptingOver(t, ends, Options{Account: account, WriteTimeout: 300 * time.Millisecond}, pour)
	s.must(s.fr.WriteSettings(http2.Setting{ID: http2.SettingInitialWindowSize, Val: maxWindow}))
	s.must(s.fr.WriteWindowUpdate(0, maxWindow-initialWindow))
	s.deaf.Store(true)
	for i := range uint32(100) {
		_, err := s.open(i)
		s.must(err)
	}
	most := int64(0)
	ended := make(chan error, 1)
	go func() { ended <- s.end() }()
	for end := time.After(hang); ; {
		most = max(most, account.Buffered())
		select {
		case err := <-ended:
			if err == nil {
				t.Error("Serve returned nil")
			}
			if most > 2<<20 {
				t.Errorf("%d bytes were buffered", most)
			}
			return
		case <-end:
			t.Fatal("hang: a peer that does not read keeps its tunnel")
		case <-time.After(time.Millisecond):
		}
	}
}

// INITIAL_WINDOW_SIZE to and fro moves the windows of all streams each time.
func TestWindowsToAndFro(t *testing.T) {
	s := thirsty(t, Options{}, 100)
	s.ends(http2.ErrCodeEnhanceYourCalm, func(i uint32) error {
		return s.fr.WriteSettings(http2.Setting{ID: http2.SettingInitialWindowSize, Val: i % 2 * initialWindow})
	})
}

// The same, as far as a peer may go, is no error: windows may be negative.
func TestWindowsMayMove(t *testing.T) {
	s := thirsty(t, Options{}, 100)
	s.must(s.fr.WriteWindowUpdate(0, 1<<30))
	s.must(s.fr.WriteWindowUpdate(1, 1<<20))
	s.bears(200, func(i uint32) error {
		return s.fr.WriteSettings(http2.Setting{ID: http2.SettingInitialWindowSize, Val: i % 2 * initialWindow})
	})
}

// Windows beyond 2^31-1, and updates by nothing, are errors of the tunnel or the stream.
func TestWindowErrors(t *testing.T) {
	bothEnds(t, Options{}, func(t *testing.T, s *scene) {
		s.ends(http2.ErrCodeFlowControl, func(uint32) error { return s.fr.WriteWindowUpdate(0, maxWindow) })
	})
	bothEnds(t, Options{}, func(t *testing.T, s *scene) {
		s.ends(http2.ErrCodeProtocol, func(uint32) error { return s.fr.WriteWindowUpdate(0, 0) })
	})
	for name, by := range map[string]uint32{"overflow": maxWindow, "of nothing": 0} {
		t.Run(name, func(t *testing.T) {
			s := dialling(t, Options{})
			other := s.answered()
			s.must(s.fr.WriteWindowUpdate(5, by))
			if id := <-s.resets; id != 5 {
				t.Errorf("stream %d was reset", id)
			}
			if _, err := io.Copy(io.Discard, other); err == nil {
				t.Error("the stream ended in order")
			}
			other.Close()
			s.bears(8, func(uint32) error { return nil })
		})
	}
}

// Windows that grow by 1 for ever, with nothing sent that it could be for.
func TestWindowUpdateFlood(t *testing.T) {
	for name, id := range map[string]uint32{"of the connection": 0, "of a stream": 1} {
		t.Run(name, func(t *testing.T) {
			bothEnds(t, Options{}, func(t *testing.T, s *scene) {
				s.ends(http2.ErrCodeEnhanceYourCalm, func(uint32) error { return s.fr.WriteWindowUpdate(id, 1) })
			})
		})
	}
}

// Credit in small change for what was sent is no flood: old peers of x/net gave back
// what each read took.
func TestSmallChange(t *testing.T) {
	s := accepting(t, Options{}, func(in tunnel.Incoming) {
		st, err := in.Accept(hbone.Header{})
		if err == nil {
			_, _ = st.Write(make([]byte, 60_000))
			<-in.Context().Done()
		}
	})
	_, err := s.open(0)
	s.must(err)
	waitFor(t, "the answer", func() bool { return s.got.Load() == 60_000 })
	s.bears(10_000, func(i uint32) error { return s.fr.WriteWindowUpdate(i%2*5, 3) })
}

// Streams that are opened and never used, up to the limit: the tunnel serves its others.
func TestStreamsNeverUsed(t *testing.T) {
	s := accepting(t, Options{}, idle)
	s.bears(190, func(i uint32) error {
		_, err := s.open(i)
		return err
	})
	d := dialling(t, Options{})
	d.bears(90, func(uint32) error {
		d.ask()
		return nil
	})
	d.c.Close()
}

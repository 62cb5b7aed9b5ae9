package telemetry

import (
	"bytes"
	"context"
	"errors"
	"log/slog"
	"net/netip"
	"strings"
	"testing"
	"time"

	"go.uber.org/goleak"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// stuck is a log that blocks until it is let go.
type stuck struct {
	slog.Handler
	entered, release chan struct{}
}

func (s stuck) Handle(context.Context, slog.Record) error {
	s.entered <- struct{}{}
	<-s.release
	return nil
}

// A blocked log costs lines, never the caller's time.
func TestABlockedLogDropsAndCounts(t *testing.T) {
	h := stuck{slog.NewTextHandler(&bytes.Buffer{}, nil), make(chan struct{}, 1), make(chan struct{})}
	s := NewSink(h)
	s.Write(&Record{Start: time.Now()})
	<-h.entered // the writer hangs in the log
	for range sinkDepth + 10 {
		s.Write(&Record{Start: time.Now()})
	}
	if got := s.Dropped(); got != 10 {
		t.Errorf("dropped %d lines, want 10", got)
	}
	go func() {
		for range h.entered {
		}
	}()
	close(h.release)
	<-s.finish(t)
	close(h.entered)
}

// finish closes the sink and returns its writer's end.
func (s *Sink) finish(t *testing.T) <-chan struct{} {
	t.Helper()
	s.mu.Lock()
	s.closed = true
	s.wake.Signal()
	s.mu.Unlock()
	return s.done
}

// Conformance 107: the record says what is known and nothing else.
func TestTheLineSaysWhatIsKnown(t *testing.T) {
	var out bytes.Buffer
	s := NewSink(slog.NewTextHandler(&out, nil))
	s.Write(&Record{
		Start: time.Now(), Direction: Outbound, Stage: StageTunnel, Workload: "a/web",
		Source: netip.MustParseAddrPort("10.0.0.1:1"), Destination: netip.MustParseAddrPort("[fd00::1]:80"), Err: errors.New("no way"),
	})
	s.Write(&Record{Start: time.Now(), Direction: Inbound, Stage: StageRelay, Workload: "a/web", Status: 200, Sent: 5})
	s.Close()
	lines := strings.Split(strings.TrimSpace(out.String()), "\n")
	if len(lines) != 2 {
		t.Fatalf("%d lines", len(lines))
	}
	for _, want := range []string{"level=ERROR", "direction=outbound", "stage=tunnel", "src.addr=10.0.0.1:1", "dst.addr=[fd00::1]:80", `error="no way"`} {
		if !strings.Contains(lines[0], want) {
			t.Errorf("no %s in %s", want, lines[0])
		}
	}
	for _, not := range []string{"dst.addr", "peer.identity", "error"} {
		if strings.Contains(lines[1], not) {
			t.Errorf("%s in %s, although nothing is known of it", not, lines[1])
		}
	}
}

func TestCountersOfOneConnection(t *testing.T) {
	var c Counters
	c.Open()
	r := &Record{Start: time.Now()}
	carried := c.Carry(r)
	carried.Sent.Add(3)
	carried.Received.Add(4)
	c.Close(r)
	c.Open()
	c.Close(&Record{Err: errors.New("x")})
	want := Counts{Opened: 2, Closed: 2, Failed: 1, Sent: 3, Received: 4}
	want.Connect.Buckets[0] = 1
	got := c.Counts()
	want.Connect.Sum = got.Connect.Sum
	if got != want {
		t.Errorf("got %+v, want %+v", got, want)
	}
	if got := want.Add(want); got.Opened != 4 || got.Received != 8 {
		t.Errorf("sum %+v", got)
	}
}

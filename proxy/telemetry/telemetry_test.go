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

	"github.com/bulkhead-mesh/bulkhead/identity"
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
	for _, not := range []string{"dst.addr", "src.identity", "error"} {
		if strings.Contains(lines[1], not) {
			t.Errorf("%s in %s, although nothing is known of it", not, lines[1])
		}
	}
}

// One connection as both its ends write it: the keys of who is where are the same.
func TestBothEndsAreNamed(t *testing.T) {
	web, db := mustID(t, "spiffe://cluster.local/ns/a/sa/web"), mustID(t, "spiffe://cluster.local/ns/b/sa/db")
	webOwner := &Owner{UID: "a/web", Name: "web", Namespace: "a", Cluster: "c1", Identity: web}
	dbOwner := &Owner{UID: "b/db", Name: "db", Namespace: "b", Cluster: "c2", Identity: db}
	both := []string{"src.workload=web", "src.namespace=a", "src.identity=" + web.String(), "src.cluster=c1", "dst.workload=db", "dst.namespace=b", "dst.identity=" + db.String(), "dst.cluster=c2"}
	for _, r := range []*Record{
		{Direction: Outbound, Owner: webOwner, Peer: db, PeerUID: "b/db", PeerBaggage: "k8s.cluster.name=c2,k8s.deployment.name=database"},
		{Direction: Inbound, Owner: dbOwner, Peer: web, PeerBaggage: "k8s.cluster.name=c1,k8s.pod.name=web"},
	} {
		var out bytes.Buffer
		r.Start = time.Now().Add(-13 * time.Millisecond)
		new(Counters).Close(r)
		s := NewSink(LogConfig{Format: Text}.Handler(&out, slog.LevelInfo))
		s.Write(r)
		s.Close()
		for _, want := range append(both, "duration=1") {
			if !strings.Contains(out.String(), want) {
				t.Errorf("%s: no %s in %s", r.Direction, want, out.String())
			}
		}
		if !strings.Contains(out.String(), "ms ") && !strings.HasSuffix(out.String(), "ms\n") {
			t.Errorf("the duration has no unit: %s", out.String())
		}
	}
}

func TestWhichConnectionsHaveLines(t *testing.T) {
	for which, want := range map[Which]string{None: "", Errors: "failed ", All: "complete failed ", "": "complete failed ", Opened: "opened complete failed "} {
		var out bytes.Buffer
		s := NewSink(NewAccess(&out, LogConfig{Format: Text, Access: which}))
		s.Opened(&Record{Start: time.Now()})
		s.Write(&Record{Start: time.Now()})
		s.Write(&Record{Start: time.Now(), Err: errors.New("x")})
		s.Close()
		got := ""
		for line := range strings.Lines(out.String()) {
			_, after, _ := strings.Cut(line, `msg="connection `)
			word, _, _ := strings.Cut(after, `"`)
			got += word + " "
		}
		if got != want {
			t.Errorf("%q: %q, want %q", which, got, want)
		}
	}
}

func TestLogConfigIsStrict(t *testing.T) {
	for c, ok := range map[LogConfig]bool{{}: true, {Text, None}: true, {JSON, Opened}: true, {"xml", ""}: false, {"", "some"}: false} {
		if err := c.Validate(); (err == nil) != ok {
			t.Errorf("%+v: %v", c, err)
		}
	}
}

func mustID(t *testing.T, text string) identity.ID {
	t.Helper()
	id, err := identity.Parse(text)
	if err != nil {
		t.Fatal(err)
	}
	return id
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

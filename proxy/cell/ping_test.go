package cell

import (
	"bytes"
	"context"
	"fmt"
	"log/slog"
	"runtime"
	"testing"
	"time"

	"github.com/bulkhead-mesh/bulkhead/identity"
	"github.com/bulkhead-mesh/bulkhead/identity/issuer"
	"github.com/bulkhead-mesh/bulkhead/proxy"
	"github.com/bulkhead-mesh/bulkhead/proxy/budget"
	"github.com/bulkhead-mesh/bulkhead/proxy/channel"
	"github.com/bulkhead-mesh/bulkhead/proxy/mesh"
	"github.com/bulkhead-mesh/bulkhead/proxy/telemetry"
)

// FuzzPing: what the short way reads and writes, Decode reads alike.
func FuzzPing(f *testing.F) {
	for _, s := range []string{`{"ping":{"n":0}}`, `{"ping":{"n":18446744073709551615}}`, `{"ping":{"n":07}}`, `{"ping":{"n":}}`, `{"ping":{"n":1} }`, `{"ping":{"n":-1}}`} {
		f.Add([]byte(s), uint64(0))
	}
	f.Fuzz(func(t *testing.T, b []byte, dropped uint64) {
		n, ok := parsePing(b)
		if !ok {
			return
		}
		m, err := Decode(b)
		if err != nil || m.Ping == nil || m.Ping.N != n {
			t.Errorf("%q is read as ping %d; Decode says %+v, %v", b, n, m, err)
		}
		long, err := Encode(&Message{Pong: &Pong{N: n, Dropped: dropped}})
		if short := appendPong(nil, n, dropped); err != nil || !bytes.Equal(short, long) {
			t.Errorf("pong %s, Encode writes %s, %v", short, long, err)
		}
	})
}

// loopOn runs the loop of a cell that serves one workload on one end of a channel, and
// returns the other.
func loopOn(t *testing.T) (*served, *channel.Conn) {
	t.Helper()
	ours, theirs, err := channel.Pair()
	if err != nil {
		t.Fatal(err)
	}
	feed, err := NewChannel(ours, "x", slog.New(slog.DiscardHandler), nil)
	if err != nil {
		t.Fatal(err)
	}
	keeper, err := channel.New(theirs)
	if err != nil {
		t.Fatal(err)
	}
	b, ended := &book{}, make(chan struct{})
	v := &served{uid: "a/web", ended: ended, stop: func() { close(ended) }, work: proxy.New(proxy.Config{Log: slog.New(slog.DiscardHandler), View: proxy.View{Policies: mesh.PolicySet{Generation: "g1"}}}), counters: &b.counters, account: budget.NewAccount(budget.Limits{}, budget.NewTurns(1)), resolver: newResolver(feed, "a/web")}
	s := &cell{Config: Config{Feed: feed}, sink: telemetry.NewSink(slog.DiscardHandler), leaving: map[*served]struct{}{}, issuers: map[identity.ID]*issuing{{}: {Keys: issuer.New(identity.ID{}, nil, issuer.Options{}), users: 1, stop: func() {}}}, served: map[string]*served{"a/web": v}, books: map[string]*book{"a/web": b}, memory: newMemory()}
	ctx, cancel := context.WithCancel(context.Background())
	done := make(chan struct{}, 2)
	go func() { _ = feed.Run(ctx); done <- struct{}{} }()
	go func() { _ = s.loop(context.Background()); done <- struct{}{} }()
	t.Cleanup(func() {
		cancel()
		<-done
		<-done
		s.memory.stop()
		s.sink.Close()
		keeper.Close()
	})
	if m := hear(t, keeper); m.Hello == nil {
		t.Fatalf("the cell begins with %+v", m)
	}
	return v, keeper
}

func tell(t *testing.T, keeper *channel.Conn, m *Message) {
	t.Helper()
	b, err := Encode(m)
	if err == nil {
		err = keeper.Send(b)
	}
	if err != nil {
		t.Fatal(err)
	}
}

func hear(t *testing.T, keeper *channel.Conn) *Message {
	t.Helper()
	_ = keeper.SetRecvDeadline(time.Now().Add(30 * time.Second))
	b, _, err := keeper.Recv()
	if err != nil {
		t.Fatal(err)
	}
	m, err := Decode(b)
	if err != nil {
		t.Fatal(err)
	}
	return m
}

// A pong carries counts when there is something new, and all of them to a new keeper.
func TestPongsTellWhatIsNew(t *testing.T) {
	v, keeper := loopOn(t)
	ping := func(n uint64) *Pong {
		tell(t, keeper, &Message{Ping: &Ping{N: n}})
		m := hear(t, keeper)
		if m.Pong == nil || m.Pong.N != n {
			t.Fatalf("ping %d is answered with %+v", n, m.Pong)
		}
		return m.Pong
	}
	if p := ping(1); len(p.Counts) != 1 {
		t.Errorf("the first pong has %v", p.Counts)
	}
	if p := ping(2); p.Counts != nil {
		t.Errorf("nothing is new, and the pong has %v", p.Counts)
	}
	v.counters.Open()
	if p := ping(3); p.Counts["a/web"].Opened != 1 {
		t.Errorf("a connection later the pong has %v", p.Counts)
	}
	tell(t, keeper, &Message{Hello: &Hello{Version: ProtocolVersion}})
	if p := ping(4); p.Counts["a/web"].Opened != 1 {
		t.Errorf("a new keeper is told %v", p.Counts)
	}
	if p := ping(5); p.Counts != nil {
		t.Errorf("and again, %v", p.Counts)
	}
	r := &telemetry.Record{Start: time.Now(), Direction: telemetry.Outbound, PeerUID: "a/db"}
	v.counters.Carry(r).Sent.Add(3)
	p := ping(6)
	if s := p.Series["a/web"]; len(s) != 1 || s[0].Key == nil || s[0].Key.Peer != "a/db" || s[0].Opened != 1 || s[0].Sent != 3 {
		t.Errorf("while it carries the pong has %+v", s)
	}
	v.counters.Close(r)
	if s := ping(7).Series["a/web"]; len(s) != 1 || s[0].Key != nil || s[0].Open() != 0 {
		t.Errorf("when it has ended the pong has %+v", s)
	}
	v.work.SetView(proxy.View{Policies: mesh.PolicySet{Generation: "g2"}})
	if p := ping(8); p.Views["a/web"] != "g2" {
		t.Errorf("the policies have changed, and the pong has %v", p.Views)
	}
}

// What a workload counted until its last connection ended is told before the keeper hears
// that it is gone, since then it does not listen any more.
func TestAWorkloadThatLeavesTellsTheRest(t *testing.T) {
	v, keeper := loopOn(t)
	tell(t, keeper, &Message{Ping: &Ping{N: 1}})
	hear(t, keeper)
	v.counters.Open()
	v.counters.Close(&telemetry.Record{Direction: telemetry.Inbound})
	tell(t, keeper, &Message{Drop: &Drop{UID: "a/web"}})
	p := hear(t, keeper).Pong
	if p == nil || p.Counts["a/web"].Closed != 1 || len(p.Series["a/web"]) != 1 {
		t.Errorf("it leaves with %+v", p)
	}
	if d := hear(t, keeper).Done; d == nil || !d.Dropped {
		t.Errorf("then it says %+v", d)
	}
	tell(t, keeper, &Message{Ping: &Ping{N: 2}})
	if p := hear(t, keeper).Pong; p == nil || p.Counts != nil {
		t.Errorf("and then %+v", p)
	}
}

// It tells all of it, however many packets that takes: there is no ping after it.
func TestAWorkloadWithManySeriesTellsTheRest(t *testing.T) {
	v, keeper := loopOn(t)
	tell(t, keeper, &Message{Ping: &Ping{N: 1}})
	hear(t, keeper)
	for i := range telemetry.MaxSeries {
		v.counters.Close(&telemetry.Record{Direction: telemetry.Outbound, PeerUID: fmt.Sprint("a/peer-", i)})
	}
	tell(t, keeper, &Message{Drop: &Drop{UID: "a/web"}})
	told := 0
	for m := hear(t, keeper); m.Done == nil; m = hear(t, keeper) {
		told += len(m.Pong.Series["a/web"])
	}
	if told != telemetry.MaxSeries {
		t.Errorf("it leaves with %d of %d series told", told, telemetry.MaxSeries)
	}
}

// An idle cell lives for months: a ping leaves nothing behind.
func TestPingsLeaveNoGarbage(t *testing.T) {
	_, keeper := loopOn(t)
	tell(t, keeper, &Message{Ping: &Ping{N: 1}})
	hear(t, keeper)
	packet, buf := []byte(`{"ping":{"n":2}}`), make([]byte, 128)
	_ = keeper.SetRecvDeadline(time.Time{})
	n := testing.AllocsPerRun(200, func() {
		if err := keeper.Send(packet); err != nil {
			t.Fatal(err)
		}
		if _, _, err := keeper.RecvInto(buf); err != nil {
			t.Fatal(err)
		}
	})
	if n > 0 {
		t.Errorf("%v allocations", n)
	}
}

// Connections that drain are judged by policies that come meanwhile.
func TestWhatDrainsIsJudged(t *testing.T) {
	work := proxy.New(proxy.Config{Log: slog.New(slog.DiscardHandler)})
	other := proxy.New(proxy.Config{Log: slog.New(slog.DiscardHandler)})
	s := &cell{leaving: map[*served]struct{}{{uid: "a/web", work: work}: {}, {uid: "a/db", work: other}: {}}}
	s.handle(t.Context(), Event{Judge: &Judge{UID: "a/web", Generation: "g2"}})
	if g, h := work.Generation(), other.Generation(); g != "g2" || h != "" {
		t.Errorf("in force: %q, and for another workload %q", g, h)
	}
}

// A Drop that the next keeper says again is answered when the drain is over, and not before.
func TestADropThatIsSaidAgainWaits(t *testing.T) {
	left := make(chan struct{})
	s := &cell{leaving: map[*served]struct{}{{uid: "a/web", left: left}: {}}}
	drop := func(uid string) <-chan error {
		done := make(chan error, 1)
		s.handle(t.Context(), Event{Drop: &Drop{UID: uid}, Done: func(err error) {
			select {
			case <-left:
			default:
				if uid == "a/web" {
					t.Error("answered while it drains")
				}
			}
			done <- err
		}})
		return done
	}
	again, nobody := drop("a/web"), drop("a/db")
	if err := <-nobody; err != nil {
		t.Error(err)
	}
	close(left)
	if err := <-again; err != nil {
		t.Error(err)
	}
	s.running.Wait()
}

// A workload that left and came back has connections that drain beside those of now, and
// both are judged: a push is in force when no twin is behind.
func TestAServeJudgesTheTwinThatDrains(t *testing.T) {
	for name, back := range map[string]bool{"served again": true, "the cell ends": false} {
		t.Run(name, func(t *testing.T) {
			old := proxy.New(proxy.Config{Log: slog.New(slog.DiscardHandler)})
			s := &cell{served: map[string]*served{}, leaving: map[*served]struct{}{{uid: "a/web", work: old}: {}}}
			handle := s.handleLate
			now := proxy.New(proxy.Config{Log: slog.New(slog.DiscardHandler)})
			if back {
				s.served["a/web"] = &served{uid: "a/web", work: now, running: &s.running, accepting: true, hastened: true}
				handle = s.handle
			}
			done := make(chan error, 1)
			handle(t.Context(), Event{Serve: &Assignment{Workload: mesh.Workload{UID: "a/web"}, View: proxy.View{Policies: mesh.PolicySet{Generation: "g2"}}}, Done: func(err error) { done <- err }})
			s.running.Wait()
			if g := old.Generation(); g != "g2" {
				t.Errorf("what drains is judged by %q", g)
			}
			if back && (len(done) != 1 || now.Generation() != "g2") {
				t.Errorf("%d reports, in force %q", len(done), now.Generation())
			}
		})
	}
}

// TestWhoWaitsForAnSVIDCostsNoGoroutine: pushes for a workload that accepts nobody yet are all
// answered, when it does.
func TestWhoWaitsForAnSVIDCostsNoGoroutine(t *testing.T) {
	s := &cell{}
	v := &served{uid: "a/web", running: &s.running}
	done := make(chan error, 100)
	before := runtime.NumGoroutine()
	for range cap(done) {
		v.whenServing(nil, func(err error) { done <- err })
	}
	if n := runtime.NumGoroutine() - before; n > 0 || len(done) > 0 {
		t.Errorf("%d goroutines wait, %d were answered", n, len(done))
	}
	v.accept()
	v.whenServing(nil, func(err error) { done <- err })
	for range cap(done) + 1 {
		if err := <-done; err != nil {
			t.Error(err)
		}
	}
	s.running.Wait()
}

// handFed is a feed by hand.
type handFed struct {
	Feed
	events chan Event
}

func (f handFed) Events() <-chan Event { return f.events }

// A cell that ends hears pushes, and answers pings, until its last connection has ended.
func TestACellThatEndsJudgesWhatDrains(t *testing.T) {
	work := proxy.New(proxy.Config{Log: slog.New(slog.DiscardHandler)})
	feed := handFed{events: make(chan Event)}
	s := &cell{Config: Config{Feed: feed}, sink: telemetry.NewSink(slog.DiscardHandler), served: map[string]*served{}, leaving: map[*served]struct{}{}, memory: newMemory()}
	defer s.sink.Close()
	defer s.memory.stop()
	s.leaving[&served{uid: "a/web", work: work, ended: make(chan struct{}), counters: &telemetry.Counters{}}] = struct{}{}
	s.books = map[string]*book{"a/web": {}}
	last, ended := make(chan struct{}), make(chan struct{})
	s.running.Go(func() { <-last })
	go func() { s.attend(t.Context()); close(ended) }()
	feed.events <- Event{Judge: &Judge{UID: "a/web", Generation: "g2"}}
	pong := make(chan *Pong, 1)
	feed.events <- Event{Ping: func(news *Pong, _ uint64) { pong <- news }}
	if p := <-pong; p == nil || p.Views["a/web"] != "g2" {
		t.Errorf("the cell says %+v", p)
	}
	close(feed.events) // the keeper is gone as well
	close(last)
	<-ended
}

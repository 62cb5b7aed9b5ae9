package telemetry

import (
	"errors"
	"fmt"
	"net/netip"
	"testing"
	"time"

	"github.com/bulkhead-mesh/bulkhead/identity"
)

// all are a table's news, told.
func all(t *Table) (news []Tally) {
	t.News(func(x Tally) bool { news = append(news, x); return true })
	return news
}

func outTo(peer string) *Record {
	return &Record{Start: time.Now(), Direction: Outbound, Stage: StageRelay, PeerUID: peer}
}

type withReason struct{ error }

func (withReason) Reason() string { return "lost" }

// Every connection is opened once and closed once, whichever way it ends, and its bytes
// show before it does.
func TestASeriesCountsItsConnections(t *testing.T) {
	var c Counters
	r := outTo("a/web")
	s := c.Carry(r)
	s.Sent.Add(5)
	news := all(&c.Series)
	if len(news) != 1 || news[0].Key == nil || news[0].Key.Peer != "a/web" || news[0].Open() != 1 || news[0].Sent != 5 {
		t.Fatalf("while it is open: %+v", news)
	}
	if again := all(&c.Series); again != nil {
		t.Errorf("told twice: %+v", again)
	}
	s.Received.Add(7)
	c.Close(r)
	failed := outTo("a/web")
	failed.Stage, failed.Err, failed.Flag = StageTunnel, withReason{errors.New("x")}, FlagTLS
	c.Close(failed)
	news = all(&c.Series)
	want := Numbers{Opened: 2, Sent: 5, Received: 7}
	want.Closed[FlagNone], want.Closed[FlagTLS], want.Failed[FlagTLS] = 1, 1, 1
	if len(news) != 1 || news[0].Key != nil || news[0].Numbers != want {
		t.Fatalf("at the end: %+v", news)
	}
	if f := news[0].Failures; len(f) != 1 || f[0] != (Failures{Failure{StageTunnel, "lost"}, 1}) {
		t.Errorf("failures %+v", f)
	}
	c.Series.Forget()
	if news = all(&c.Series); len(news) != 1 || news[0].Key == nil || news[0].Numbers != want {
		t.Errorf("to somebody else: %+v", news)
	}
}

func TestWhatTellsSeriesApart(t *testing.T) {
	web, _ := identity.Parse("spiffe://cluster.local/ns/a/sa/web")
	from := netip.MustParseAddrPort("10.0.0.1:1")
	key := func(change func(*Record)) Key {
		r := &Record{Direction: Inbound, Source: from, Peer: web, PeerBaggage: "k8s.namespace.name=a"}
		change(r)
		return r.key()
	}
	base := key(func(*Record) {})
	if base.Address.IsValid() {
		t.Error("a peer that says who it is needs no address")
	}
	if port := key(func(r *Record) { r.Source = netip.MustParseAddrPort("10.0.0.1:2") }); port != base {
		t.Error("two connections of one peer are two series")
	}
	silent := key(func(r *Record) { r.PeerBaggage = "" })
	if silent.Address != from.Addr() {
		t.Error("a peer that says nothing is known by its address only")
	}
	long := key(func(r *Record) { r.PeerBaggage = fmt.Sprintf("a=%01024d", 1) })
	if long.Baggage != "" {
		t.Error("a peer's words are kept, however long")
	}
	outside := key(func(r *Record) { r.Direction, r.PeerBaggage = Outbound, "" })
	if outside.Address.IsValid() {
		t.Error("each address outside the mesh is a series")
	}
}

// However many peers there are at a time, there are not more series; those that do not
// fit are counted together.
func TestTheTableIsBounded(t *testing.T) {
	var c Counters
	open := make([]*Record, 0, 2*MaxSeries)
	for i := range 2 * MaxSeries {
		r := outTo(fmt.Sprint(i))
		c.Carry(r)
		open = append(open, r)
	}
	news := all(&c.Series)
	over := news[len(news)-1]
	if len(news) != MaxSeries+1 || !over.Key.Overflow || over.Opened != MaxSeries {
		t.Fatalf("%d series, the last %+v", len(news), over)
	}
	for _, r := range open {
		c.Close(r)
	}
	c.Close(outTo("before it is told")) // nothing is at rest yet
	var closed uint64
	for _, n := range all(&c.Series) {
		closed += n.Closed.Sum()
	}
	if closed != 2*MaxSeries+1 {
		t.Errorf("%d connections closed", closed)
	}
	c.Close(outTo("new"))
	news = all(&c.Series)
	if len(news) != 1 || news[0].Key == nil || news[0].Key.Peer != "new" || news[0].Slot != 0 || news[0].Opened != 1 {
		t.Errorf("the slot of a series at rest was not used: %+v", news)
	}
}

// Somebody who has heard enough hears the rest next time.
func TestNewsInPieces(t *testing.T) {
	var c Counters
	for i := range 3 {
		c.Close(outTo(fmt.Sprint(i)))
	}
	heard := 0
	c.Series.News(func(Tally) bool { heard++; return heard < 3 })
	if rest := all(&c.Series); len(rest) != 1 || rest[0].Key.Peer != "2" {
		t.Errorf("the rest is %+v", rest)
	}
}

// A workload that left and came back has another table: its series do not pass for those of the first.
func TestASeriesOfAnotherTableIsAnother(t *testing.T) {
	var first, second Counters
	first.Close(outTo("a"))
	second.Close(outTo("b"))
	was, is := all(&first.Series)[0], all(&second.Series)[0]
	if was.Slot != is.Slot || was.Born == is.Born {
		t.Errorf("slots %d and %d, born %d and %d", was.Slot, is.Slot, was.Born, is.Born)
	}
}

// With more news each time than are heard, all have their turn.
func TestNewsTakeTurns(t *testing.T) {
	var c Counters
	heard := map[string]int{}
	for range 6 {
		for i := range 9 {
			c.Close(outTo(fmt.Sprint(i)))
		}
		room := 3
		all := c.Series.News(func(n Tally) bool {
			if room--; room < 0 {
				return false
			}
			heard[fmt.Sprint(n.Slot)]++
			return true
		})
		if all {
			t.Fatal("a round that was cut short says that it told all")
		}
	}
	for i := range 9 {
		if n := heard[fmt.Sprint(i)]; n != 2 {
			t.Errorf("slot %d was heard %d times of 2", i, n)
		}
	}
}

func TestClock(t *testing.T) {
	var c Clock
	for _, d := range []time.Duration{0, time.Millisecond, 2 * time.Millisecond, time.Hour} {
		c.Add(d)
	}
	got := c.Times()
	if got.Buckets != [timeBuckets]uint64{2, 1, 0, 0, 0, 1} || got.Sum != int64(time.Hour+3*time.Millisecond) {
		t.Errorf("%+v", got)
	}
	if twice := got.Add(got); twice.Buckets[0] != 4 || twice.Sum != 2*got.Sum {
		t.Errorf("%+v", twice)
	}
}

// BenchmarkSeries is what a connection costs: its series found, opened and closed.
func BenchmarkSeries(b *testing.B) {
	var c Counters
	for i := range 32 {
		c.Close(outTo(fmt.Sprint(i)))
	}
	r := outTo("7")
	r.PeerBaggage = "k8s.cluster.name=Kubernetes,k8s.namespace.name=tenant-a,k8s.pod.name=checkout,service.name=checkout"
	b.ReportAllocs()
	for b.Loop() {
		r.series = nil
		c.Carry(r)
		c.Close(r)
	}
}

package keeper

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net/netip"
	"os"
	"strings"
	"sync"
	"testing"
	"time"

	"golang.org/x/time/rate"

	"github.com/bulkhead-mesh/bulkhead/identity"
	"github.com/bulkhead-mesh/bulkhead/proxy/cell"
	"github.com/bulkhead-mesh/bulkhead/proxy/channel"
	"github.com/bulkhead-mesh/bulkhead/proxy/mesh"
	"github.com/bulkhead-mesh/bulkhead/proxy/telemetry"
	"github.com/bulkhead-mesh/bulkhead/proxy/telemetry/istio"
)

// conversation is one cell's: the keeper's end with everything behind it but the
// anchor, and the cell's end of a real channel in the hands of the test.
type conversation struct {
	*Keeper
	x    *process
	o    *outbox
	cell *channel.Conn
}

// signer stands for the CA. It counts, and lets nobody wait.
type signer struct {
	mu   sync.Mutex
	asks map[identity.ID]int
}

func (s *signer) Sign(_ context.Context, id identity.ID, csr []byte) (chain, roots [][]byte, err error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.asks[id]++
	return [][]byte{[]byte("SVID of " + id.String())}, nil, nil
}

func (s *signer) count() (n int) {
	s.mu.Lock()
	defer s.mu.Unlock()
	for _, asks := range s.asks {
		n += asks
	}
	return n
}

// newTalkingKeeper is a keeper with a loop and a mesh of two workloads.
func newTalkingKeeper(t testing.TB) (*Keeper, *signer, *lockedBuffer) {
	t.Helper()
	ca, log := &signer{asks: map[identity.ID]int{}}, &lockedBuffer{}
	k := &Keeper{
		log: slog.New(slog.NewTextHandler(log, nil)), level: new(slog.LevelVar), signer: ca, mesh: quiet{},
		calls: make(chan func()), ended: make(chan struct{}),
		pods: map[string]*pod{}, cells: map[string]*keptCell{}, processes: map[string]*process{},
		series: istio.New(istio.Options{}),
	}
	var end context.CancelFunc
	k.life, end = context.WithCancel(context.Background())
	s, err := mesh.Parse([]byte(`
trustDomain: cluster.local
workloads:
- {uid: a/own, name: own, namespace: a, serviceAccount: own, node: m, addresses: [10.0.0.1], protocol: HBONE}
- {uid: a/other, name: other, namespace: a, serviceAccount: other, node: m, addresses: [10.0.0.2], protocol: HBONE}
`), 1)
	if err != nil {
		t.Fatal(err)
	}
	k.snapshot.Store(s)
	var loop sync.WaitGroup
	loop.Go(func() {
		for {
			select {
			case f := <-k.calls:
				f()
			case <-k.life.Done():
				return
			}
		}
	})
	t.Cleanup(func() { end(); loop.Wait(); close(k.ended); k.running.Wait() })
	return k, ca, log
}

func idOf(t testing.TB, sa string) identity.ID {
	t.Helper()
	id, err := identity.New("cluster.local", "a", sa)
	if err != nil {
		t.Fatal(err)
	}
	return id
}

// talk opens the conversation of a cell that serves one workload.
func talk(t testing.TB, k *Keeper, uid string) *conversation {
	t.Helper()
	ours, theirs, err := channel.Pair()
	if err != nil {
		t.Fatal(err)
	}
	conn, err := channel.New(ours)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { conn.Close() })
	end, err := channel.New(theirs)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { end.Close() })
	c := newCell("workload/" + uid)
	x := &process{cell: c, generation: 1, pods: map[string]*pod{}, now: map[string]telemetry.Counts{}, views: map[string]string{}, series: k.series.Account()}
	x.pods[uid] = newPod(Pod{UID: uid}, nil)
	x.pods[uid].cell = c
	o := &outbox{conn: conn, packets: make(chan packet, outboxDepth), done: make(chan struct{}), signing: make(chan struct{}, maxSigning), pushed: &c.pushed}
	x.out = o
	return &conversation{k, x, o, end}
}

// say sends one message of the cell.
func (c *conversation) say(t testing.TB, m *cell.Message, files ...*os.File) {
	t.Helper()
	b, err := cell.Encode(m)
	if err == nil {
		err = c.cell.Send(b, files...)
	}
	if err != nil {
		t.Fatal(err)
	}
}

// reply is what the keeper says next, which never comes with descriptors.
func (c *conversation) reply(t testing.TB) *cell.Message {
	t.Helper()
	b, files, err := c.cell.Recv()
	if err != nil {
		t.Fatal(err)
	}
	if len(files) > 0 {
		t.Errorf("%d descriptors come with %s", len(files), b)
	}
	m, err := cell.Decode(b)
	if err != nil {
		t.Fatal(err)
	}
	return m
}

// ask sends one message, has it heard, and returns the answer.
func (c *conversation) ask(t testing.TB, m *cell.Message) *cell.Message {
	t.Helper()
	c.say(t, m)
	if err := c.takeIn(c.x, c.o); err != nil {
		t.Fatal(err)
	}
	return c.reply(t)
}

// A cell that serves a workload gets an SVID of that one, and of no other.
func TestACellCannotGetAnothersSVID(t *testing.T) {
	k, ca, _ := newTalkingKeeper(t)
	c := talk(t, k, "a/own")
	own, other := idOf(t, "own"), idOf(t, "other")
	for i, id := range []string{other.String(), "spiffe://other.domain/ns/a/sa/own", own.String() + "/", "", "spiffe://", "\x00", strings.Repeat("x", 60000)} {
		s := c.ask(t, &cell.Message{Sign: &cell.Sign{ID: uint64(i), Identity: id, CSR: fmt.Appendf(nil, "csr %d", i)}}).Signed
		if s == nil || s.ID != uint64(i) || s.Error == "" || len(s.Chain) > 0 {
			t.Errorf("%.80q is granted: %+v", id, s)
		}
	}
	s := c.ask(t, &cell.Message{Sign: &cell.Sign{ID: 99, Identity: own.String(), CSR: []byte("csr")}}).Signed
	if s == nil || s.ID != 99 || s.Error != "" || len(s.Chain) != 1 {
		t.Errorf("the control: %+v", s)
	}
	ca.mu.Lock()
	defer ca.mu.Unlock()
	if ca.asks[own] != 1 || len(ca.asks) != 1 {
		t.Errorf("the CA was asked for %v", ca.asks)
	}
}

// Nor does it get destinations on behalf of another, before the first snapshot as
// after it.
func TestACellCannotGetAnothersDestinations(t *testing.T) {
	k, _, _ := newTalkingKeeper(t)
	c := talk(t, k, "a/own")
	to := netip.MustParseAddrPort("10.0.0.2:8080")
	a := c.ask(t, &cell.Message{Resolve: &cell.Resolve{ID: 1, UID: "a/own", Dst: to}}).Answer
	if a == nil || a.Error != "" || len(a.Answer.Endpoints) != 1 {
		t.Fatalf("the control: %+v", a)
	}
	k.snapshot.Store(nil)
	a = c.ask(t, &cell.Message{Resolve: &cell.Resolve{ID: 2, UID: "a/other", Dst: to}}).Answer
	if a.Error == "" {
		t.Errorf("before the first snapshot: %+v", a)
	}
	for i, uid := range []string{"a/other", "", "a/nobody", strings.Repeat("x", 60000)} {
		a := c.ask(t, &cell.Message{Resolve: &cell.Resolve{ID: uint64(i), UID: uid, Dst: to}}).Answer
		if a == nil || a.ID != uint64(i) || a.Error == "" || len(a.Answer.Endpoints) > 0 {
			t.Errorf("on behalf of %.80q: %+v", uid, a)
		}
		if len(a.Error) > 4*maxQuoted {
			t.Errorf("its own words come back, %d bytes", len(a.Error))
		}
	}
}

// Nor descriptors: nothing that a cell says is answered with any, what a keeper alone
// may say is no message of a cell, and descriptors of its own are closed.
func TestACellCannotGetAnothersDescriptors(t *testing.T) {
	k, _, _ := newTalkingKeeper(t)
	c := talk(t, k, "a/own")
	for _, m := range []*cell.Message{
		{Serve: &cell.Serve{Files: []string{cell.FileNetns}}}, {Drop: &cell.Drop{UID: "a/other"}},
		{Invalidate: &cell.Invalidate{}}, {Answer: &cell.Answer{}}, {Signed: &cell.Signed{}}, {Ping: &cell.Ping{}}, {Limits: &cell.Limits{Memory: 1}},
	} {
		c.say(t, m)
		var o *offence
		if err := c.takeIn(c.x, c.o); !errors.As(err, &o) {
			t.Errorf("%+v: %v, want an offence", m, err)
		}
	}
	null, err := os.Open(os.DevNull)
	if err != nil {
		t.Fatal(err)
	}
	defer null.Close()
	files := make([]*os.File, channel.MaxFiles)
	for i := range files {
		files[i] = null
	}
	before := openFiles(t)
	for range 100 {
		c.say(t, &cell.Message{Pong: &cell.Pong{}}, files...)
		if err := c.takeIn(c.x, c.o); err != nil {
			t.Fatal(err)
		}
	}
	if after := openFiles(t); after != before {
		t.Errorf("%d descriptors before, %d after", before, after)
	}
	c.say(t, &cell.Message{Done: &cell.Done{UID: "a/other", Dropped: true}})
	if err := c.takeIn(c.x, c.o); err != nil {
		t.Fatal(err)
	}
	if len(c.o.packets) > 0 {
		t.Errorf("%d messages wait for the cell, which asked for none", len(c.o.packets))
	}
}

func openFiles(t testing.TB) int {
	t.Helper()
	d, err := os.ReadDir("/proc/self/fd")
	if err != nil {
		t.Fatal(err)
	}
	return len(d)
}

// What comes too fast waits in the cell's own socket; a neighbour is heard meanwhile.
func TestAFloodWaitsAndNeighboursAreHeard(t *testing.T) {
	k, _, log := newTalkingKeeper(t)
	loud, quiet := talk(t, k, "a/own"), talk(t, k, "a/other")
	var flood sync.WaitGroup
	flood.Go(func() { // ends when the test closes the channel
		b, _ := cell.Encode(&cell.Message{Done: &cell.Done{UID: "a/nobody", Error: strings.Repeat("x", 60000)}})
		for loud.cell.Send(b) == nil {
		}
	})
	began, heard := time.Now(), 0
	var hearing sync.WaitGroup
	hearing.Go(func() {
		for loud.takeIn(loud.x, loud.o) == nil {
			heard++
		}
	})
	eventually(t, "the flood waits", func() error {
		if loud.x.cell.heard.held.Load() < 3 {
			return errors.New("not yet")
		}
		return nil
	})
	for i := range uint64(500) {
		a := quiet.ask(t, &cell.Message{Resolve: &cell.Resolve{ID: i, UID: "a/other", Dst: netip.MustParseAddrPort("10.0.0.1:80")}}).Answer
		if a.ID != i || a.Error != "" {
			t.Fatalf("the neighbour's question %d: %+v", i, a)
		}
	}
	loud.cell.Close()
	flood.Wait()
	hearing.Wait()
	cost := 1 + 60000>>10 // a little less than each
	if most := (heardAtOnce+heardPerSecond*time.Since(began).Seconds())/float64(cost) + 1; float64(heard) > most {
		t.Errorf("%d messages were taken in, at most %.0f should", heard, most)
	}
	if held := quiet.x.cell.heard.held.Load(); held != 0 {
		t.Errorf("the neighbour waited %d times", held)
	}
	if lines := strings.Count(log.String(), "\n"); lines != 1 || !strings.Contains(log.String(), "waited=") {
		t.Errorf("%d lines, want one that says how many waited:\n%.2000s", lines, log)
	}
}

// The CA is asked at a bounded rate, whatever a cell asks; every question is answered.
func TestAFloodOfCSRs(t *testing.T) {
	k, ca, _ := newTalkingKeeper(t)
	c := talk(t, k, "a/own")
	const asked = 3000
	began := time.Now()
	var asking sync.WaitGroup
	asking.Go(func() {
		for i := range uint64(asked) {
			c.say(t, &cell.Message{Sign: &cell.Sign{ID: i, Identity: idOf(t, "own").String(), CSR: fmt.Appendf(nil, "csr %d", i)}})
		}
	})
	var hearing sync.WaitGroup
	hearing.Go(func() {
		for range asked {
			if err := c.takeIn(c.x, c.o); err != nil {
				t.Error(err)
				return
			}
		}
	})
	granted := 0
	for range asked {
		if s := c.reply(t).Signed; s != nil && s.Error == "" {
			granted++
		}
	}
	asking.Wait()
	hearing.Wait()
	most := csrsAtOnce + csrsPerSecond*time.Since(began).Seconds() + 1
	if n := ca.count(); n != granted || n == 0 || float64(n) > most {
		t.Errorf("the CA was asked %d times and %d were granted; at most %.0f should", n, granted, most)
	}
}

// A cell that asks and does not read is not listened to; the loop goes on.
func TestACellThatDoesNotReadIsNotListenedTo(t *testing.T) {
	k, _, _ := newTalkingKeeper(t)
	c := talk(t, k, "a/own")
	c.o.conn.SetSendTimeout(50 * time.Millisecond)
	c.cell.SetSendTimeout(patience)
	var asking sync.WaitGroup
	asking.Go(func() { // ends when the test closes the channel
		b, _ := cell.Encode(&cell.Message{Resolve: &cell.Resolve{UID: "a/own", Dst: netip.MustParseAddrPort("10.0.0.2:80")}})
		for c.cell.Send(b) == nil {
		}
	})
	var err error
	for err == nil {
		err = c.takeIn(c.x, c.o)
	}
	var stuck *channel.TimeoutError
	if !errors.As(err, &stuck) {
		t.Errorf("hearing ends with %v, want a *channel.TimeoutError", err)
	}
	if !k.do(func() {}) || len(c.o.packets) > 0 {
		t.Errorf("%d answers are kept for it", len(c.o.packets))
	}
	c.cell.Close()
	c.o.conn.Close()
	asking.Wait()
}

// A packet that is no message, or of another version, is an error, and its words are cut.
func TestOffences(t *testing.T) {
	k, _, log := newTalkingKeeper(t)
	c := talk(t, k, "a/own")
	for _, packet := range []string{"x", `{"hello":{"version":77}}`, `{"` + strings.Repeat("y", 60000) + `":1}`, strings.Repeat("{", 60000)} {
		if err := c.cell.Send([]byte(packet)); err != nil {
			t.Fatal(err)
		}
		err := c.takeIn(c.x, c.o)
		if err == nil || len(cut(err.Error())) > 2*maxQuoted {
			t.Errorf("%.40q: error %.1000v", packet, err)
		}
	}
	p := c.x.pods["a/own"]
	p.duties[c.x] = &duty{pod: p, process: c.x, serves: 1}
	c.say(t, &cell.Message{Done: &cell.Done{UID: "a/own", Error: strings.Repeat("z", 60000)}})
	for range 5 { // one Serve, one Done: more say nothing
		c.say(t, &cell.Message{Done: &cell.Done{UID: "a/own", Error: "more"}})
	}
	for range 6 {
		if err := c.takeIn(c.x, c.o); err != nil {
			t.Fatal(err)
		}
	}
	if n := strings.Count(log.String(), "\n"); n != 1 || len(log.String()) > 4*maxQuoted {
		t.Errorf("%d lines, %d bytes; want one short line: %.2000s", n, len(log.String()), log)
	}
}

// FuzzHear: whatever a cell says, the keeper answers what was asked, shortly, without
// descriptors, and asks the CA for the cell's own identity only.
func FuzzHear(f *testing.F) {
	for _, m := range []*cell.Message{
		{Hello: &cell.Hello{Version: cell.ProtocolVersion, Cell: "x"}},
		{Resolve: &cell.Resolve{ID: 7, UID: "a/own", Dst: netip.MustParseAddrPort("10.0.0.2:80")}},
		{Resolve: &cell.Resolve{ID: 8, UID: "a/other", Dst: netip.MustParseAddrPort("[::1]:80")}},
		{Sign: &cell.Sign{ID: 9, Identity: "spiffe://cluster.local/ns/a/sa/own", CSR: []byte{1}}},
		{Sign: &cell.Sign{ID: 9, Identity: "spiffe://cluster.local/ns/a/sa/other", CSR: []byte{1}}},
		{Pong: &cell.Pong{N: 1, Counts: map[string]telemetry.Counts{"a/own": {Opened: 1}, "a/other": {Opened: 1}}}},
		{Done: &cell.Done{UID: "a/own", Error: "no"}}, {Done: &cell.Done{UID: "a/own", Dropped: true}}, {Drop: &cell.Drop{UID: "a/own"}},
	} {
		b, err := cell.Encode(m)
		if err != nil {
			f.Fatal(err)
		}
		f.Add(b)
	}
	k, ca, _ := newTalkingKeeper(f)
	c := talk(f, k, "a/own")
	c.x.ping = 1
	f.Fuzz(func(t *testing.T, b []byte) {
		m, err := cell.Decode(b)
		if err != nil {
			return
		}
		p := c.x.pods["a/own"]
		k.do(func() { // the duty of a process that is not the pod's newest
			p.cell.current = nil
			p.duties[c.x] = &duty{pod: p, process: c.x, serves: 1, drops: 2}
		})
		if err := k.receive(c.x, c.o, m); err != nil {
			return
		}
		if m.Resolve != nil || m.Sign != nil {
			if err := answers(c.reply(t), m); err != nil {
				t.Error(err)
			}
		}
		ca.mu.Lock()
		defer ca.mu.Unlock()
		if delete(ca.asks, idOf(t, "own")); len(ca.asks) > 0 {
			t.Errorf("the CA was asked for %v", ca.asks)
		}
		k.do(func() {
			if len(c.o.packets) > 0 || len(c.x.now) > 1 {
				t.Errorf("%d messages to the cell, counts of %d workloads", len(c.o.packets), len(c.x.now))
			}
		})
	})
}

// answers says what is wrong with a reply.
func answers(r, question *cell.Message) error {
	switch {
	case question.Resolve != nil && r.Answer != nil && r.Answer.ID == question.Resolve.ID && len(r.Answer.Error) < 8*maxQuoted:
		if (r.Answer.Error == "") != (question.Resolve.UID == "a/own") {
			return fmt.Errorf("%+v is answered with %+v", question.Resolve, r.Answer)
		}
	case question.Sign != nil && r.Signed != nil && r.Signed.ID == question.Sign.ID && len(r.Signed.Error) < 8*maxQuoted:
	default:
		return fmt.Errorf("%+v is answered with %+v", question, r)
	}
	return nil
}

// What one question of a cell costs the keeper, the cell's own part included. Times
// heardPerSecond it is what a flood can cost.
func BenchmarkHear(b *testing.B) {
	k, _, _ := newTalkingKeeper(b)
	c := talk(b, k, "a/own")
	c.x.cell.heard.limit.SetLimit(rate.Inf)
	m := &cell.Message{Resolve: &cell.Resolve{ID: 1, UID: "a/own", Dst: netip.MustParseAddrPort("10.0.0.2:80")}}
	for b.Loop() {
		c.ask(b, m)
	}
}

package load

import (
	"bufio"
	"context"
	"errors"
	"io"
	"net"
	"net/netip"
	"slices"
	"syscall"
	"testing"
	"time"
)

// app is one Serve under test with both ends of its pipes.
type app struct {
	t      *testing.T
	in     *io.PipeWriter
	lines  chan Line
	ended  chan error
	cancel context.CancelFunc
}

func startApp(t *testing.T, c Config) *app {
	t.Helper()
	ctx, cancel := context.WithCancel(t.Context())
	inR, inW := io.Pipe()
	outR, outW := io.Pipe()
	a := &app{t: t, in: inW, lines: make(chan Line, 1<<16), ended: make(chan error, 1), cancel: cancel}
	go func() {
		err := Serve(ctx, c, inR, outW)
		outW.Close()
		a.ended <- err
	}()
	go a.parse(outR)
	t.Cleanup(a.end)
	if l := a.next(); l.Event != EventReady {
		t.Fatalf("first line %+v, want ready", l)
	}
	return a
}

func (a *app) parse(out io.Reader) {
	defer close(a.lines)
	for s := bufio.NewScanner(out); s.Scan(); {
		l, err := ParseLine(s.Bytes())
		if err != nil {
			a.t.Errorf("line %q: %v", s.Text(), err)
		}
		a.lines <- l
	}
}

func (a *app) end() {
	a.in.Close()
	a.cancel()
	select {
	case err := <-a.ended:
		if err != nil {
			a.t.Errorf("Serve: %v", err)
		}
	case <-time.After(hang):
		a.t.Error("Serve does not end")
	}
}

func (a *app) send(c Command) {
	a.t.Helper()
	b, err := c.Encode()
	if err != nil {
		a.t.Fatal(err)
	}
	if _, err := a.in.Write(b); err != nil {
		a.t.Fatal(err)
	}
}

func (a *app) next() Line {
	a.t.Helper()
	select {
	case l, ok := <-a.lines:
		if !ok {
			a.t.Fatal("output ended")
		}
		return l
	case <-time.After(hang):
		a.t.Fatal("no line comes")
	}
	return Line{}
}

// until collects records until one satisfies enough.
func (a *app) until(enough func(Record) bool) []Record {
	a.t.Helper()
	var all []Record
	for {
		l := a.next()
		if l.Event != "" {
			a.t.Fatalf("event %+v among records", l)
		}
		all = append(all, l.Record)
		if enough(l.Record) {
			return all
		}
	}
}

// stop ends the load and returns the records that were left.
func (a *app) stop() []Record {
	a.t.Helper()
	a.send(Command{Stop: true})
	var rest []Record
	for {
		l := a.next()
		switch l.Event {
		case EventStopped:
			return rest
		case "":
			rest = append(rest, l.Record)
		default:
			a.t.Fatalf("event %+v after a stop", l)
		}
	}
}

// freePort is a port that was free a moment ago on loopback.
func freePort(t *testing.T) netip.AddrPort {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	return addrPort(l.Addr())
}

func flowTo(id int, kind string, target netip.AddrPort) Flow {
	return Flow{ID: id, Kind: kind, Target: target, Period: 5 * time.Millisecond, Timeout: 20 * time.Second}
}

func TestBothKindsAgainstAServer(t *testing.T) {
	target := freePort(t)
	six := netip.AddrPortFrom(netip.IPv6Loopback(), freePort(t).Port())
	a := startApp(t, Config{Pod: "p", Listen: []string{target.String(), six.String()}, Marker: "mark"})
	at := Now()
	flows := []Flow{flowTo(1, New, target), flowTo(2, Reused, target), flowTo(3, New, six), flowTo(4, Reused, six)}
	for i := range flows {
		flows[i].ExpectPeer = flows[i].Target.Addr()
		flows[i].Offset = time.Duration(i) * time.Millisecond
	}
	a.send(Command{Start: &Start{At: at, Flows: flows}})
	seen := map[int]int{}
	records := a.until(func(r Record) bool {
		seen[r.Flow]++
		return len(seen) == 4 && min(seen[1], seen[2], seen[3], seen[4]) >= 20
	})
	records = append(records, a.stop()...)
	for _, r := range records {
		f := flows[r.Flow-1]
		if r.Error != "" || r.Peer != f.ExpectPeer.String() {
			t.Fatalf("record %+v, want success from %v", r, f.ExpectPeer)
		}
		if r.Planned != f.planned(at, r.Seq) || r.Sent < r.Planned || r.Done < r.Sent {
			t.Fatalf("record %+v: times out of order or off the plan", r)
		}
	}
	for _, f := range flows {
		complete(t, f.ID, records)
	}
}

// complete checks that a flow's sequence has no gap and no double.
func complete(t *testing.T, flow int, records []Record) {
	t.Helper()
	var seqs []int
	for _, r := range records {
		if r.Flow == flow && r.Seq != Break {
			seqs = append(seqs, r.Seq)
		}
	}
	slices.Sort(seqs)
	for i, s := range seqs {
		if s != i {
			t.Fatalf("flow %d: %d. record has sequence number %d", flow, i, s)
		}
	}
}

func TestNobodyListens(t *testing.T) {
	a := startApp(t, Config{Pod: "p"})
	target := freePort(t)
	a.send(Command{Start: &Start{At: Now(), Flows: []Flow{flowTo(1, New, target), flowTo(2, Reused, target)}}})
	seen := map[int]bool{}
	for _, r := range a.until(func(r Record) bool { seen[r.Flow] = true; return len(seen) == 2 }) {
		if r.Error != Refused {
			t.Errorf("record %+v, want %s", r, Refused)
		}
	}
}

func TestWrongPeer(t *testing.T) {
	target := freePort(t)
	a := startApp(t, Config{Pod: "p", Listen: []string{target.String()}})
	flows := []Flow{flowTo(1, New, target), flowTo(2, Reused, target)}
	for i := range flows {
		flows[i].ExpectPeer = netip.MustParseAddr("10.9.9.9")
	}
	a.send(Command{Start: &Start{At: Now(), Flows: flows}})
	seen := map[int]bool{}
	for _, r := range a.until(func(r Record) bool { seen[r.Flow] = true; return len(seen) == 2 }) {
		if r.Error != Wrong || r.Peer != "127.0.0.1" {
			t.Errorf("record %+v, want %s with the peer that was seen", r, Wrong)
		}
	}
}

func TestServeRefusesATakenPort(t *testing.T) {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	free := freePort(t)
	for _, c := range []Config{
		{Listen: []string{free.String(), l.Addr().String()}},
		{Listen: []string{free.String()}, HTTP: l.Addr().String()},
	} {
		if err := Serve(t.Context(), c, eof{}, io.Discard); !errors.Is(err, syscall.EADDRINUSE) {
			t.Errorf("%+v: error %v, want the listen error", c, err)
		}
		again, err := net.Listen("tcp", free.String())
		if err != nil {
			t.Fatalf("the first listener was left behind: %v", err)
		}
		again.Close()
	}
}

type eof struct{}

func (eof) Read([]byte) (int, error) { return 0, io.EOF }

func TestBadCommandIsAnEvent(t *testing.T) {
	a := startApp(t, Config{Pod: "p"})
	io.WriteString(a.in, "{\"begin\":true}\n")
	if l := a.next(); l.Event != EventError || l.Message == "" {
		t.Errorf("line %+v, want an error event", l)
	}
	a.send(Command{Start: &Start{At: 1}})
	if l := a.next(); l.Event != EventError {
		t.Errorf("line %+v, want an error event about the past", l)
	}
	if rest := a.stop(); len(rest) != 0 {
		t.Errorf("records %v without a load", rest)
	}
}

func TestPage(t *testing.T) {
	target := freePort(t)
	startApp(t, Config{Pod: "tenant-a/checkout", HTTP: target.String()})
	c, err := net.Dial("tcp", target.String())
	if err != nil {
		t.Fatal(err)
	}
	defer c.Close()
	io.WriteString(c, "GET / HTTP/1.0\r\n\r\n")
	b, err := io.ReadAll(c)
	if err != nil {
		t.Fatal(err)
	}
	if want := "\r\n\r\npod tenant-a/checkout\nclient 127.0.0.1\n"; !endsWith(string(b), want) {
		t.Errorf("page %q, want its end to be %q", b, want)
	}
}

func endsWith(s, tail string) bool { return len(s) >= len(tail) && s[len(s)-len(tail):] == tail }

// The clock is read after it was asked for and before the answer is there, also while a
// load runs.
func TestClock(t *testing.T) {
	target := freePort(t)
	a := startApp(t, Config{Listen: []string{target.String()}})
	a.send(Command{Start: &Start{At: Now(), Flows: []Flow{flowTo(1, New, target)}}})
	a.until(func(Record) bool { return true })
	for range 3 {
		asked := Now()
		a.send(Command{Clock: true})
		l := a.next()
		for l.Event == "" {
			l = a.next()
		}
		if told := Now(); l.Event != EventClock || l.At < asked || l.At > told {
			t.Errorf("%+v, asked at %d, told at %d", l, asked, told)
		}
	}
	a.stop()
}

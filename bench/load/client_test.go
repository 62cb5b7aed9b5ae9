package load

import (
	"bufio"
	"context"
	"fmt"
	"io"
	"net"
	"net/netip"
	"slices"
	"sync"
	"syscall"
	"testing"
	"time"
)

// mortal is a frame server that a test can kill and bring back at one address.
type mortal struct {
	t      *testing.T
	addr   netip.AddrPort
	cancel context.CancelFunc
	ended  sync.WaitGroup
}

func (m *mortal) live() {
	m.t.Helper()
	ctx, cancel := context.WithCancel(m.t.Context())
	s, err := newServer(ctx, []string{m.addr.String()})
	if err != nil {
		m.t.Fatal(err)
	}
	m.cancel = cancel
	m.ended.Go(func() { s.serve(ctx) })
}

func (m *mortal) die() {
	m.cancel()
	m.ended.Wait()
}

func TestReusedOutlivesItsServer(t *testing.T) {
	m := &mortal{t: t, addr: freePort(t)}
	m.live()
	a := startApp(t, Config{Pod: "p"})
	a.send(Command{Start: &Start{At: Now(), Flows: []Flow{flowTo(1, Reused, m.addr)}}})
	ok := func(r Record) bool { return r.Error == "" }
	records := a.until(ok)
	m.die()
	broken := func(r Record) bool { return r.Seq == Break }
	records = append(records, a.until(broken)...)
	if last := records[len(records)-1]; last.Error != EOF && last.Error != Reset {
		t.Errorf("break %+v, want %s or %s", last, EOF, Reset)
	}
	records = append(records, a.until(func(r Record) bool { return r.Error == Refused })...)
	m.live()
	defer m.die()
	records = append(records, a.until(ok)...)
	records = append(records, a.stop()...)
	complete(t, 1, records)
	if n := count(records, broken); n != 1 {
		t.Errorf("%d breaks, want 1", n)
	}
}

func TestNewOutlivesItsServer(t *testing.T) {
	m := &mortal{t: t, addr: freePort(t)}
	m.live()
	a := startApp(t, Config{Pod: "p"})
	a.send(Command{Start: &Start{At: Now(), Flows: []Flow{flowTo(1, New, m.addr)}}})
	ok := func(r Record) bool { return r.Error == "" }
	records := a.until(ok)
	m.die()
	records = append(records, a.until(func(r Record) bool { return r.Error == Refused })...)
	m.live()
	defer m.die()
	records = append(records, a.until(ok)...)
	records = append(records, a.stop()...)
	complete(t, 1, records)
}

func count(records []Record, is func(Record) bool) (n int) {
	for _, r := range records {
		if is(r) {
			n++
		}
	}
	return n
}

// stranger listens and does to each connection what it is told.
func stranger(t *testing.T, do func(net.Conn)) netip.AddrPort {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	var all sync.WaitGroup
	all.Go(func() {
		for {
			c, err := l.Accept()
			if err != nil {
				return
			}
			all.Go(func() {
				defer c.Close()
				do(c)
			})
		}
	})
	t.Cleanup(func() { l.Close(); all.Wait() })
	return addrPort(l.Addr())
}

func request1(c net.Conn) []byte {
	b, err := readFrame(bufio.NewReader(c))
	if err != nil {
		return nil
	}
	return b
}

func TestClassOfWhatAServerDoes(t *testing.T) {
	silence := func(c net.Conn) { io.Copy(io.Discard, c) }
	for _, tc := range []struct {
		do   func(net.Conn)
		want string
	}{
		{silence, Timeout},
		{func(c net.Conn) { request1(c) }, EOF},
		{func(c net.Conn) { request1(c); c.Write([]byte{0, 9, kindAnswer}) }, EOF},
		{func(c net.Conn) { request1(c); c.(*net.TCPConn).SetLinger(0) }, Reset},
		{func(c net.Conn) {
			request1(c)
			c.Write(appendAnswer(nil, []byte("other"), addrPort(c.RemoteAddr())))
			silence(c)
		}, Wrong},
		{func(c net.Conn) { request1(c); io.WriteString(c, "HTTP/1.1 400 Bad Request\r\n\r\n"); silence(c) }, Wrong},
	} {
		for _, kind := range []string{New, Reused} {
			t.Run(tc.want+"/"+kind, func(t *testing.T) {
				target := stranger(t, tc.do)
				a := startApp(t, Config{Pod: "p"})
				f := flowTo(1, kind, target)
				f.Timeout = 300 * time.Millisecond
				f.Period = 40 * time.Millisecond
				a.send(Command{Start: &Start{At: Now(), Flows: []Flow{f}}})
				got := a.until(func(r Record) bool { return r.Seq == 0 })
				if r := got[len(got)-1]; r.Error != tc.want {
					t.Errorf("record %+v, want %s", r, tc.want)
				}
				complete(t, 1, append(got, a.stop()...))
			})
		}
	}
}

// The server stalls for longer than many periods: every planned send must still
// happen at its time, and the stall must show in the latency of all of them.
func TestSlowAnswersMoveNoSend(t *testing.T) {
	const stall = 400 * time.Millisecond
	var once sync.Once
	held := make(chan struct{})
	target := stranger(t, func(c net.Conn) {
		once.Do(func() { time.AfterFunc(stall, func() { close(held) }) })
		<-held
		r := bufio.NewReader(c)
		for {
			b, err := readFrame(r)
			if err != nil {
				return
			}
			c.Write(appendAnswer(nil, b, addrPort(c.RemoteAddr())))
		}
	})
	a := startApp(t, Config{Pod: "p"})
	flows := []Flow{flowTo(1, New, target), flowTo(2, Reused, target)}
	at := Now()
	a.send(Command{Start: &Start{At: at, Flows: flows}})
	seen := map[int]bool{}
	records := a.until(func(r Record) bool {
		seen[r.Flow] = seen[r.Flow] || r.Planned > at+int64(stall)
		return seen[1] && seen[2]
	})
	records = append(records, a.stop()...)
	for id := 1; id <= 2; id++ {
		complete(t, id, records)
		// Requests planned in the first half of the stall waited for the other half at least.
		n := count(records, func(r Record) bool {
			return r.Flow == id && r.Planned < at+int64(stall)/2 && r.Done-r.Planned >= int64(stall)/2-int64(time.Millisecond)
		})
		if want := int(stall / 2 / flows[0].Period); n < want {
			t.Errorf("flow %d: %d requests show the stall, want %d", id, n, want)
		}
	}
}

func TestClassify(t *testing.T) {
	for want, errs := range map[string][]error{
		"":          {nil},
		Refused:     {&net.OpError{Err: syscall.ECONNREFUSED}},
		Reset:       {syscall.ECONNRESET, syscall.EPIPE},
		Timeout:     {context.DeadlineExceeded, syscall.ETIMEDOUT},
		EOF:         {io.EOF, io.ErrUnexpectedEOF},
		Unreachable: {syscall.EHOSTUNREACH, syscall.ENETUNREACH},
		Wrong:       {&FrameError{"x"}},
		Local:       {syscall.EMFILE, syscall.EADDRNOTAVAIL, net.ErrClosed},
	} {
		for _, err := range errs {
			if got := classify(fmt.Errorf("read: %w", err)); err != nil && got != want {
				t.Errorf("%v: %s, want %s", err, got, want)
			}
		}
	}
	if classify(nil) != "" {
		t.Error("no error has a class")
	}
}

// However the plan is cut, request k keeps its instant.
func TestPlanIsArithmetic(t *testing.T) {
	f := exampleFlow()
	p := path{flow: f, at: 1000, marker: "m"}
	var got []int64
	for k := range 4 {
		got = append(got, p.plan(k).planned)
	}
	want := []int64{7001000, 57001000, 107001000, 157001000}
	if !slices.Equal(got, want) {
		t.Errorf("planned %v, want %v", got, want)
	}
}

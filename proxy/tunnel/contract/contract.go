// Package contract is what every transport of package tunnel is held to: one test body,
// which proxy/h2 and proxy/h3 run over connections of their own. It is linked by tests only.
package contract

import (
	"errors"
	"io"
	"net/netip"
	"testing"
	"time"

	"github.com/bulkhead-mesh/bulkhead/proxy/budget"
	"github.com/bulkhead-mesh/bulkhead/proxy/hbone"
	"github.com/bulkhead-mesh/bulkhead/proxy/tunnel"
)

// Given is what the accepting end is made with.
type Given struct {
	OnPanic func(v any, stack []byte) // hears of a handler's panic
	Account *budget.Account           // is charged with what streams hold
}

// Maker makes a tunnel whose accepting end runs h for each stream. drain ends its accepting
// end in order, as the end of Serve's context does; lose takes the connection away from
// under both ends. Both ends are gone when the test ends.
type Maker func(t *testing.T, h tunnel.Handler, g Given) (tn tunnel.Tunnel, drain, lose func())

// hang is how long a test waits for what must happen; it only passes in a hang.
const hang = 30 * time.Second

var target = hbone.Connect(hbone.FromAddrPort(netip.MustParseAddrPort("10.0.0.1:80")), hbone.Header{Baggage: "k=v", Traceparent: hbone.NewTraceparent()})

// Test runs all of it.
func Test(t *testing.T, make Maker) {
	for name, test := range map[string]func(*testing.T, Maker){
		"echo":                                     echoes,
		"4 MiB":                                    large,
		"the client half-closes first":             clientFirst,
		"the server half-closes first":             serverFirst,
		"a reset reaches the other end":            resets,
		"a close of what is unfinished resets":     closesUnfinished,
		"a close of what is finished is silent":    closesFinished,
		"no write after CloseWrite":                writesAfterEnd,
		"a write takes CloseWrite along":           endsDuringWrite,
		"a blocked write wakes":                    wakesWriters,
		"a blocked read wakes":                     wakesReaders,
		"deadlines":                                deadlines,
		"head and answer":                          headers,
		"an answer that is not 200":                rejects,
		"a head that is none":                      malformed,
		"a handler that says nothing":              silent,
		"a handler's panic resets its stream only": panics,
		"a kept stream outlives its handler":       keeps,
		"an Open that is given up":                 givesUp,
		"the accepting end leaves":                 leaves,
		"the dialling end drains":                  drains,
		"nothing opens in a lost tunnel":           lost,
		"many at once":                             many,
		"sleeping readers hold up nobody":          sleepersHoldUpNobody,
		"sleeping readers stay within the budget":  sleepersStayWithin,
	} {
		t.Run(name, func(t *testing.T) { test(t, make) })
	}
}

func open(t *testing.T, tn tunnel.Tunnel) tunnel.Stream {
	t.Helper()
	s, _, err := tn.Open(t.Context(), target)
	if err != nil {
		t.Fatalf("open: %v", err)
	}
	t.Cleanup(func() { s.Close() })
	return s
}

// echo sends back what comes, half-close included.
func echo(in tunnel.Incoming) {
	s, err := in.Accept(hbone.Header{})
	if err != nil {
		return
	}
	defer s.Close()
	if _, err := io.Copy(s, s); err == nil {
		_ = s.CloseWrite()
	}
}

// ends are the two ends of streams in one tunnel.
type ends struct {
	tn          tunnel.Tunnel
	drain, lose func()
	accepted    chan tunnel.Stream
}

// both makes a tunnel of which the test has both ends of each stream.
func both(t *testing.T, make_ Maker) *ends { return bothGiven(t, make_, Given{}) }

func bothGiven(t *testing.T, make_ Maker, g Given) *ends {
	t.Helper()
	e := &ends{accepted: make(chan tunnel.Stream, 16)}
	over := make(chan struct{})
	e.tn, e.drain, e.lose = make_(t, func(in tunnel.Incoming) {
		s, err := in.Accept(hbone.Header{})
		if err != nil {
			return
		}
		e.accepted <- s
		<-over
	}, g)
	t.Cleanup(func() { close(over) }) // before the maker's own, which waits for handlers
	return e
}

func (e *ends) stream(t *testing.T) (client, server tunnel.Stream) {
	t.Helper()
	client = open(t, e.tn)
	select {
	case server = <-e.accepted:
		return client, server
	case <-time.After(hang):
		t.Fatal("no stream arrived")
		return nil, nil
	}
}

func readAll(t *testing.T, s io.Reader) string {
	t.Helper()
	b, err := io.ReadAll(s)
	if err != nil {
		t.Fatalf("read: %v", err)
	}
	return string(b)
}

func write(t *testing.T, s io.Writer, text string) {
	t.Helper()
	if _, err := io.WriteString(s, text); err != nil {
		t.Fatalf("write: %v", err)
	}
}

func wantReset(t *testing.T, err error) {
	t.Helper()
	var re *tunnel.ResetError
	if !errors.As(err, &re) || re.Lost != nil || re.Name == "" {
		t.Errorf("got error %v, want a reset by the peer", err)
	}
}

func wantLost(t *testing.T, err error) {
	t.Helper()
	var re *tunnel.ResetError
	if !errors.As(err, &re) || re.Lost == nil {
		t.Errorf("got error %v, want the loss of the tunnel", err)
	}
}

// within fails the test when f does not return.
func within(t *testing.T, what string, f func()) {
	t.Helper()
	done := make(chan struct{})
	go func() { defer close(done); f() }()
	select {
	case <-done:
	case <-time.After(hang):
		t.Fatalf("hang: %s", what)
	}
}

// full writes until the peer, who does not read, takes no more; it says how much was taken,
// and what the last Write still has to say.
func full(t *testing.T, s tunnel.Stream) (taken int, rest []byte) {
	t.Helper()
	chunk := make([]byte, 64<<10)
	for range 1000 {
		if err := s.SetWriteDeadline(time.Now().Add(200 * time.Millisecond)); err != nil {
			t.Fatal(err)
		}
		n, err := s.Write(chunk)
		taken += n
		if err != nil {
			if err := s.SetWriteDeadline(time.Time{}); err != nil {
				t.Fatal(err)
			}
			return taken, chunk[n:]
		}
	}
	t.Fatalf("%d bytes were taken ahead of the reader", taken)
	return taken, nil
}

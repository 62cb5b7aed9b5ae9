package proxy_test

import (
	"bytes"
	"net/netip"
	"testing"
	"time"

	"github.com/bulkhead-mesh/bulkhead/proxy/mesh"
)

// eachTransport runs a test over HTTP/2 and over QUIC, each with two pods of its own. Over QUIC the pods have met
// before, since the first connections to a peer always go over HTTP/2; and in the end it wants to see on record that
// QUIC carried what the client sent, or the test has shown nothing.
func eachTransport(t *testing.T, f func(t *testing.T, w *two), policies ...mesh.Policy) {
	t.Run("http2", func(t *testing.T) { f(t, newTwo(t, policies...)) })
	t.Run("quic", func(t *testing.T) {
		w := newTwoWith(t, withQUIC, policies...)
		w.meet(t)
		f(t, w)
		w.wantQUIC(t)
	})
}

// overHTTP2 runs a test that is HTTP/2's alone, or whose peer speaks nothing else.
func overHTTP2(t *testing.T, f func(t *testing.T, w *two)) {
	t.Run("http2", func(t *testing.T) { f(t, newTwo(t)) })
}

// meetPort is the server's, where the pods meet.
const meetPort = 7

// meet returns when the client's next connection to the server, in either family, goes over the world's
// transport. Pods that are started anew have to meet anew.
func (w *two) meet(t testing.TB) {
	t.Helper()
	if !w.quic {
		return
	}
	if !w.met {
		w.server.serve(t, meetPort, echoApp)
		w.met = true
	}
	for _, to := range []netip.Addr{w.B4, w.B6} {
		w.overQUIC(t, at(to, meetPort))
	}
}

// overQUIC asks until a connection has been carried over QUIC at both ends.
func (w *two) overQUIC(t testing.TB, to netip.AddrPort) {
	t.Helper()
	words := []string{"transport=quic", "dst.addr=" + to.String() + " "}
	for end := time.Now().Add(patience); ; time.Sleep(5 * time.Millisecond) {
		w.ask(t, to)
		if w.client.line(words) != "" && w.server.line(words) != "" {
			return
		}
		if time.Now().After(end) {
			t.Fatal("nothing goes over QUIC")
		}
	}
}

// wantQUIC wants the server to have been called by the client's pod, and over QUIC each time.
func (w *two) wantQUIC(t *testing.T) {
	t.Helper()
	called := func() (over, beside []string) {
		for line := range bytes.Lines([]byte(w.server.lines.String())) {
			from4, from6 := "src.addr="+w.A4.String()+":", "src.addr=["+w.A6.String()+"]:"
			switch l := string(line); {
			case !containsAll(l, []string{"direction=inbound"}), !containsAll(l, []string{from4}) && !containsAll(l, []string{from6}):
			case containsAll(l, []string{"dst.addr=" + at(w.B4, meetPort).String() + " "}), containsAll(l, []string{"dst.addr=" + at(w.B6, meetPort).String() + " "}):
			case containsAll(l, []string{"transport=quic"}):
				over = append(over, l)
			default:
				beside = append(beside, l)
			}
		}
		return over, beside
	}
	eventually(t, "a connection over QUIC", func() bool { over, _ := called(); return len(over) > 0 })
	if _, beside := called(); len(beside) > 0 {
		t.Errorf("not over QUIC:\n%s", beside)
	}
}

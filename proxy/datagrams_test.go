package proxy_test

import (
	"io"
	"net"
	"net/netip"
	"strings"
	"testing"
	"time"

	"github.com/google/nftables"
	"github.com/google/nftables/expr"
	"golang.org/x/sys/unix"

	"github.com/bulkhead-mesh/bulkhead/proxy/budget"
	"github.com/bulkhead-mesh/bulkhead/proxy/tunnel"
	"github.com/bulkhead-mesh/bulkhead/redirect/netns"
	"github.com/bulkhead-mesh/bulkhead/redirect/netns/sandbox"
)

// hello asks the server pod once, and fails the test if it does not answer.
func (w *two) hello(t testing.TB) {
	t.Helper()
	w.ask(t, at(w.B4, 8080))
}

// ask is hello at another place.
func (w *two) ask(t testing.TB, to netip.AddrPort) {
	t.Helper()
	c := w.client.dial(t, to)
	defer c.Close()
	if _, err := io.WriteString(c, "hello"); err != nil {
		t.Fatal(err)
	}
	_ = c.CloseWrite()
	if b, err := io.ReadAll(c); err != nil || string(b) != "hello" {
		t.Fatalf("read %q, %v", b, err)
	}
}

func withQUIC(w *two) { w.quic = true }

func echoApp(c *net.TCPConn) { _, _ = io.Copy(c, c); _ = c.CloseWrite() }

// TestQUICTakesOver: peers that both have it find each other's over HTTP/2, and go over to it
// without a connection that fails or shows itself.
func TestQUICTakesOver(t *testing.T) {
	w := newTwoWith(t, withQUIC)
	w.server.serve(t, 8080, echoApp)
	wire := sandbox.NewSniffer(t, w.B)
	w.overQUIC(t, at(w.B4, 8080))
	line := w.server.waitLine(t, "transport=quic", "direction=inbound")
	if !strings.Contains(line, "src.identity=spiffe://cluster.local/ns/a/sa/client") {
		t.Errorf("no identity in %s", line)
	}
	if wire.Packets() == 0 || wire.Seen([]byte("hello")) != 0 {
		t.Error("plaintext on the wire")
	}
}

// TestOnlyOneHasQUIC: a peer that has not announces nothing, and nobody tries.
func TestOnlyOneHasQUIC(t *testing.T) {
	w := newTwoWith(t, func(w *two) { w.quic = true })
	w.server.stop()
	w.quic = false
	w.server = w.start(t, "a/server", w.B)
	w.server.serve(t, 8080, echoApp)
	for range 20 {
		w.hello(t)
	}
	if strings.Contains(w.client.lines.String(), "transport=quic") {
		t.Error("something went over QUIC")
	}
}

// TestNoRoomForATunnelOverQUIC: who finds none stays on HTTP/2, where nobody notices, and it is counted.
func TestNoRoomForATunnelOverQUIC(t *testing.T) {
	w := newTwoWith(t, func(w *two) {
		w.quic, w.h3.Account = true, budget.NewAccount(budget.Limits{Bytes: 1}, budget.NewTurns(1))
	})
	w.server.serve(t, 8080, echoApp)
	eventually(t, "the refusal to be counted", func() bool {
		w.hello(t)
		return w.client.work.Counters.Counts().Losses[tunnel.Crowded] > 0
	})
	if n := w.client.work.Counters.Counts().Losses[tunnel.Unreachable]; n > 0 || strings.Contains(w.client.lines.String(), "transport=quic") {
		t.Errorf("%d counted as unreachable; or something went over QUIC:\n%s", n, w.client.lines)
	}
}

// TestQUICIsLost: nothing is heard any more, as behind a network that lets no UDP pass, in one direction or in both:
// what was open is cut, and new connections go over TCP; once it lets UDP pass they go over QUIC again, and both is counted.
func TestQUICIsLost(t *testing.T) {
	for name, c := range map[string]struct{ there, back bool }{
		"both ways":        {true, true},
		"on the way there": {true, false},
		"on the way back":  {false, true},
	} {
		t.Run(name, func(t *testing.T) {
			w := newTwoWith(t, withQUIC)
			w.server.serve(t, 8080, echoApp)
			w.overQUIC(t, at(w.B4, 8080))
			open := w.client.dial(t, at(w.B4, 8080))
			saysAgain(t, open, "x")
			passes := func() {}
			if c.there {
				passes = dropUDP(t, w.B)
			}
			if c.back {
				there := passes
				back := dropUDP(t, w.A)
				passes = func() { there(); back() }
			}
			if _, err := io.WriteString(open, "y"); err != nil {
				t.Fatal(err)
			}
			if _, err := io.ReadFull(open, make([]byte, 1)); err == nil {
				t.Error("an answer through a network that lets nothing pass")
			}
			w.client.waitLine(t, "transport=quic", "peer silent")
			before := strings.Count(w.client.lines.String(), "transport=quic")
			w.hello(t)
			if n := strings.Count(w.client.lines.String(), "transport=quic") - before; n > 0 {
				t.Errorf("%d more over QUIC", n)
			}
			eventually(t, "the loss to be counted", func() bool { return w.client.work.Counters.Counts().Losses[tunnel.Silent] == 1 })
			upgrades := w.client.work.Counters.Counts().Upgrades
			passes()
			for end := time.Now().Add(patience); strings.Count(w.client.lines.String(), "transport=quic") == before; time.Sleep(5 * time.Millisecond) {
				w.hello(t)
				if time.Now().After(end) {
					t.Fatal("nothing goes over QUIC again")
				}
			}
			if c := w.client.work.Counters.Counts(); upgrades == 0 || c.Upgrades <= upgrades {
				t.Errorf("counted %+v, before UDP passed again %d went over", c, upgrades)
			}
			w.server.stop() // its end of what was cut may not have heard of it
		})
	}
}

// dropUDP lets no UDP reach a pod any more, until it is to pass again. (A rule at the sender would make an
// error of sendmsg, which is no silence.)
func dropUDP(t *testing.T, ns *netns.Namespace) (pass func()) {
	t.Helper()
	table := &nftables.Table{Family: nftables.TableFamilyINet, Name: "no_udp"}
	change(t, ns, func(c *nftables.Conn) {
		c.AddTable(table)
		chain := c.AddChain(&nftables.Chain{Name: "in", Table: table, Type: nftables.ChainTypeFilter, Hooknum: nftables.ChainHookInput, Priority: nftables.ChainPriorityFilter})
		c.AddRule(&nftables.Rule{Table: table, Chain: chain, Exprs: []expr.Any{
			&expr.Meta{Key: expr.MetaKeyL4PROTO, Register: 1},
			&expr.Cmp{Op: expr.CmpOpEq, Register: 1, Data: []byte{unix.IPPROTO_UDP}},
			&expr.Verdict{Kind: expr.VerdictDrop},
		}})
	})
	return func() { change(t, ns, func(c *nftables.Conn) { c.DelTable(table) }) }
}

// change changes the rules of a pod.
func change(t testing.TB, ns *netns.Namespace, f func(c *nftables.Conn)) {
	t.Helper()
	err := ns.Do(func() error {
		c, err := nftables.New()
		if err != nil {
			return err
		}
		f(c)
		return c.Flush()
	})
	if err != nil {
		t.Fatal(err)
	}
}

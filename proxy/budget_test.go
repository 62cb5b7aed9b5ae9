package proxy_test

import (
	"errors"
	"fmt"
	"io"
	"net"
	"net/netip"
	"sync"
	"sync/atomic"
	"syscall"
	"testing"
	"time"

	"github.com/bulkhead-mesh/bulkhead/proxy/budget"
	"github.com/bulkhead-mesh/bulkhead/redirect/netns"
)

// onBudgets puts both pods on accounts that share the turns of one cell.
func (w *two) onBudgets(t *testing.T, client, server budget.Limits) (c, s *budget.Account) {
	t.Helper()
	turns := budget.NewTurns(1)
	c, s = budget.NewAccount(client, turns), budget.NewAccount(server, turns)
	w.client.stop()
	w.server.stop()
	w.client = w.startOn(t, "a/client", w.A, c)
	w.server = w.startOn(t, "a/server", w.B, s)
	w.meet(t)
	return c, s
}

func echoes(t *testing.T, c net.Conn) {
	t.Helper()
	fmt.Fprint(c, "x")
	if _, err := io.ReadFull(c, make([]byte, 1)); err != nil {
		t.Fatalf("echo: %v", err)
	}
}

// I4: over its budget a workload waits and is then refused, with the reason; who
// shares the cell is served meanwhile, and so is the workload once it gives way.
func TestOverBudgetOnlyThatWorkloadIsRefused(t *testing.T) {
	eachTransport(t, func(t *testing.T, w *two) {
		account, _ := w.onBudgets(t, budget.Limits{Connections: 5}, budget.Limits{})
		w.server.serve(t, 8080, func(c *net.TCPConn) { _, _ = io.Copy(c, c) })
		to := at(w.B4, 8080)
		var held []*net.TCPConn
		for range 5 {
			c := w.client.dial(t, to)
			echoes(t, c)
			held = append(held, c)
		}
		over := w.client.dial(t, to) // accepted by the kernel; waits, and in the end is reset
		// Meanwhile the server's workload carries connections of its own, to itself.
		bystander := w.server.dial(t, netip.MustParseAddrPort("10.96.0.1:80"))
		echoes(t, bystander)
		if _, err := over.Read(make([]byte, 1)); !errors.Is(err, syscall.ECONNRESET) {
			t.Errorf("over budget: %v, want a reset", err)
		}
		w.client.waitLine(t, "direction=outbound", "stage=accept", "reason=budget-connections")
		if n := account.Counts(); n.Refused[budget.Connections] != 1 || n.Waited[budget.Connections] != 1 {
			t.Errorf("counted %+v", n)
		}
		again := w.client.dial(t, to)
		held[0].Close()
		echoes(t, again)
	})
}

// I4: downloads that nobody reads hold no more than the budget of whoever asked for
// them, and no longer than they are open: then that workload is served again.
func TestSlowReadersHoldTheirBudget(t *testing.T) {
	const limit = 1 << 20
	eachTransport(t, func(t *testing.T, w *two) {
		account, far := w.onBudgets(t, budget.Limits{Bytes: limit}, budget.Limits{Bytes: limit})
		before, beforeFar := account.Buffered(), far.Buffered() // a tunnel over QUIC is charged as long as it lives
		w.server.serve(t, 8080, func(c *net.TCPConn) {
			b := make([]byte, 1<<20)
			for {
				if _, err := c.Write(b); err != nil {
					return
				}
			}
		})
		w.server.serve(t, 8081, func(c *net.TCPConn) { _, _ = io.Copy(c, c) })
		var slow []*net.TCPConn
		for range 30 {
			c, err := w.client.ns.Dial(t.Context(), netns.DialOptions{Remote: at(w.B4, 8080)})
			if errors.Is(err, syscall.ECONNRESET) {
				continue // so soon
			}
			if err != nil {
				t.Fatal(err)
			}
			slow = append(slow, c)
			_ = c.SetReadBuffer(4096)
			if _, err := c.Read(make([]byte, 1)); err != nil && !errors.Is(err, syscall.ECONNRESET) {
				t.Fatal(err)
			}
		}
		deadline := time.Now().Add(patience)
		for !account.Pressed() && account.Counts().Refused[budget.Bytes] == 0 && time.Now().Before(deadline) {
			time.Sleep(time.Millisecond)
		}
		for name, a := range map[string]*budget.Account{"client": account, "server": far} {
			if n := a.Buffered(); n > limit {
				t.Errorf("%s: %d bytes are buffered, the budget is %d", name, n, limit)
			}
		}
		for _, c := range slow {
			c.Close()
		}
		if len(slow) == 0 {
			t.Error("no connection was made")
		}
		for (account.Buffered() > before || far.Buffered() > beforeFar) && time.Now().Before(deadline) {
			time.Sleep(time.Millisecond)
		}
		echoes(t, w.client.dial(t, at(w.B4, 8081)))
	})
}

// I4, with 2000 real connections as fast as they can be opened: beyond its budget the
// culprit's wait in its own backlog and the first in line is refused, with its own reason
// in record and counters; who shares the cell is served all the while; and in the end
// nothing is left of them.
func TestAFloodOfConnections(t *testing.T) {
	const crowd, limit = 2000, 64 // fewer than a tunnel over QUIC takes
	eachTransport(t, func(t *testing.T, w *two) {
		culprit, neighbour := w.onBudgets(t, budget.Limits{Connections: limit, ConnectionsPerSecond: 100_000}, budget.Limits{})
		w.server.serve(t, 8080, func(c *net.TCPConn) { _, _ = io.Copy(c, c) })
		bystander := w.server.dial(t, netip.MustParseAddrPort("10.96.0.1:80"))
		var flood, ended sync.WaitGroup
		var resets, served atomic.Int64
		flood.Add(crowd)
		for range crowd {
			ended.Go(func() {
				c, err := w.client.ns.Dial(t.Context(), netns.DialOptions{Remote: at(w.B4, 8080)})
				flood.Done()
				if err != nil {
					resets.Add(1)
					return
				}
				defer c.Close()
				_, _ = c.Write([]byte("x"))
				if _, err := c.Read(make([]byte, 1)); err != nil {
					resets.Add(1)
					return
				}
				served.Add(1)
				_, _ = c.Read(make([]byte, 1)) // held until the culprit's data path ends
			})
		}
		for range 200 {
			echoes(t, bystander)
			echoes(t, w.server.dial(t, netip.MustParseAddrPort("10.96.0.1:80")))
		}
		flood.Wait()
		w.client.waitLine(t, "direction=outbound", "stage=accept", "reason=budget-connections")
		if n := culprit.Counts(); n.Refused[budget.Connections] == 0 || n.Waited[budget.Connections] == 0 {
			t.Errorf("the culprit's counters: %+v", n)
		}
		if n := neighbour.Counts(); n.Refused != (budget.Counts{}).Refused {
			t.Errorf("the neighbour was refused: %+v", n)
		}
		for deadline := time.Now().Add(patience); served.Load() < limit && time.Now().Before(deadline); {
			time.Sleep(time.Millisecond)
		}
		if n := served.Load(); n != limit { // each is held
			t.Errorf("%d are served, the budget is %d", n, limit)
		}
		w.client.stop()
		ended.Wait()
		if n := resets.Load(); n == 0 || n > crowd-limit {
			t.Errorf("%d of %d were reset", n, crowd)
		}
		deadline := time.Now().Add(patience)
		for culprit.Weight() > 0 && time.Now().Before(deadline) {
			time.Sleep(time.Millisecond)
		}
		if n := culprit.Weight(); n != 0 {
			t.Errorf("the culprit's account still holds %d", n)
		}
		echoes(t, bystander)
	})
}

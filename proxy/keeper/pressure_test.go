package keeper

import (
	"errors"
	"fmt"
	"io"
	"net"
	"net/netip"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/bulkhead-mesh/bulkhead/redirect/netns"
)

// pressed is a node whose one cell has little memory, and a service of the server in
// front of its echo, which the server's own pod asks: a neighbour of the client.
func pressed(t *testing.T, extra string) *node {
	t.Helper()
	n, _, _ := walled(t, "isolation: shared\nwalls: {base: {memory: 36Mi, cpu: 2}, workload: {memory: 8Mi}}\n"+extra)
	text, err := os.ReadFile(filepath.Join(n.dir, "mesh.yaml"))
	if err != nil {
		t.Fatal(err)
	}
	n.write(t, "mesh.yaml", string(text)+`
services:
- {name: server, namespace: a, addresses: [10.96.0.1], ports: [{port: 80, target: 8080}], endpoints: [a/server]}
`)
	n.echo(t)
	n.pour(t, 8081)
	return n
}

// pour serves a port of the server with bytes without end.
func (n *node) pour(t *testing.T, port uint16) {
	t.Helper()
	n.application(t, port, func(c net.Conn) {
		b, err := make([]byte, 64<<10), error(nil)
		for err == nil {
			_, err = c.Write(b)
		}
	})
}

// application serves a port of the server, each connection until serve returns.
func (n *node) application(t *testing.T, port uint16, serve func(net.Conn)) {
	t.Helper()
	l, err := n.B.Listen(netns.ListenOptions{Port: port})
	if err != nil {
		t.Fatal(err)
	}
	var open sync.WaitGroup
	open.Go(func() {
		for {
			c, err := l.AcceptTCP()
			if err != nil {
				return
			}
			open.Go(func() {
				defer c.Close()
				serve(c)
			})
		}
	})
	t.Cleanup(func() { l.Close(); open.Wait() })
}

// neighbour is a connection of the server's pod, through the same cell.
func (n *node) neighbour(t *testing.T) net.Conn {
	t.Helper()
	var c net.Conn
	eventually(t, "the service is known", func() error {
		if c != nil {
			c.Close()
		}
		var err error
		if c, err = n.B.Dial(t.Context(), netns.DialOptions{Remote: netip.MustParseAddrPort("10.96.0.1:80")}); err != nil {
			return err
		}
		return say(c, "hello")
	})
	t.Cleanup(func() { c.Close() })
	return c
}

// hoard opens downloads that it does not read until enough says so, one after another.
func (n *node) hoard(t *testing.T, enough func() bool) {
	t.Helper()
	const most = 1500
	for range most {
		if enough() {
			return
		}
		c, err := n.dialTo(netip.AddrPortFrom(n.B4, 8081))
		if err != nil {
			continue // refused or reset: what is measured is the cell
		}
		t.Cleanup(func() { c.Close() })
		_ = c.SetReadBuffer(4096)
		_ = c.SetReadDeadline(time.Now().Add(time.Second)) // it paces, and no more
		_, _ = io.ReadFull(c, make([]byte, 1))
		time.Sleep(5 * time.Millisecond) // the cell looks at its memory every 50 ms: so much comes between two looks
	}
	t.Fatalf("%d downloads were not enough", most)
}

// I4: at the end of its memory a cell lets go of what the greediest workload holds, and
// neither it nor a neighbour's connection ends.
func TestShortOfMemoryTheGreediestIsShed(t *testing.T) {
	n := pressed(t, "liveness: {interval: 100ms, misses: 100}\n")
	c := n.neighbour(t)
	before := n.cellOf(t, "a/client")
	sheds := func() int {
		return strings.Count(n.stderr.String(), `the greediest workload is shed","cell":"shared","workload":"a/client"`)
	}
	n.hoard(t, func() bool { return sheds() >= 5 })
	if err := say(c, "still here"); err != nil {
		t.Errorf("the neighbour: %v", err)
	}
	if now := n.cellOf(t, "a/client"); now.PID != before.PID || now.OOMKills != 0 {
		t.Errorf("the cell is %+v, before %+v", now, before)
	}
	const want = `bulkhead_budget_refused_total{cell="shared",resource="memory",workload="a/client"} `
	eventually(t, "what was shed is counted", func() error {
		return errors.Join(n.counts(want), not(n.counts(want+"0\n")))
	})
	if !strings.Contains(n.stderr.String(), `"reason":"shed"`) {
		t.Error("no record says so")
	}
}

func not(err error) error {
	if err == nil {
		return errors.New("it is there")
	}
	return nil
}

// The control: without budgets the same ends the cell, and the neighbour with it.
func TestShortOfMemoryWithoutBudgets(t *testing.T) {
	n := pressed(t, "budgets: off\n")
	c := n.neighbour(t)
	killed := func() error {
		for _, s := range n.cells(t) {
			if s.OOMKills > 0 {
				return nil
			}
		}
		return fmt.Errorf("no OOM kill: %+v", n.cells(t))
	}
	n.hoard(t, func() bool { return killed() == nil })
	if err := say(c, "still here"); err == nil {
		t.Error("the neighbour's connection outlived the cell")
	}
}

package keeper

import (
	"context"
	"errors"
	"io"
	"net/netip"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/google/nftables"
	"github.com/google/nftables/expr"
	"golang.org/x/sys/unix"

	"github.com/bulkhead-mesh/bulkhead/proxy/admin"
	"github.com/bulkhead-mesh/bulkhead/redirect"
	"github.com/bulkhead-mesh/bulkhead/redirect/netns"
)

const (
	quicOn    = "tunnels: {quic: on}\n"
	migrateOn = "tunnels: {quic: on, migrate: on}\n"
)

// carried is how many connections the access lines say were carried over QUIC, one way.
func (n *node) carried(direction string) (count int) {
	for line := range strings.Lines(n.stderr.String()) {
		if strings.Contains(line, `"transport":"quic"`) && strings.Contains(line, `"direction":"`+direction+`"`) && !strings.Contains(line, `"error"`) {
			count++
		}
	}
	return count
}

// overQUIC returns when one more connection has been carried over QUIC, and is on record at both ends.
func (n *node) overQUIC(t *testing.T) {
	t.Helper()
	eventually(t, "a connection goes over QUIC", func() error {
		n.met++
		c, err := n.dial()
		if err == nil {
			defer c.Close()
			err = say(c, "once")
		}
		if err != nil {
			t.Errorf("a connection failed: %v", err)
			return err
		}
		c.Close()
		for _, line := range n.recordsOf(t, c) { // of this one: records of others may come late
			if !strings.Contains(line, `"transport":"quic"`) {
				return errors.New("over HTTP/2 so far")
			}
		}
		return nil
	})
}

// once is one connection, used and ended.
func (n *node) once() error {
	c, err := n.dial()
	if err != nil {
		return err
	}
	defer c.Close()
	return say(c, "once")
}

// Two real cells go over to QUIC; and again after each of what may happen to a process.
func TestQUICOfRealCells(t *testing.T) {
	for _, isolation := range []string{"workload", "shared"} {
		t.Run(isolation, func(t *testing.T) {
			n := startNode(t, "isolation: "+isolation+"\n"+quicOn)
			n.echo(t)
			n.overQUIC(t)
			n.run(t, "replace")
			n.overQUIC(t)
			if err := unix.Kill(n.keeperPID(t), unix.SIGKILL); err != nil {
				t.Fatal(err)
			}
			n.ready(t)
			n.overQUIC(t)
			n.run(t, "replace")
			n.overQUIC(t)
		})
	}
}

// nextKeeper kills the keeper and returns when another answers.
func (n *node) nextKeeper(t *testing.T) {
	t.Helper()
	old := n.keeperPID(t)
	if err := unix.Kill(old, unix.SIGKILL); err != nil {
		t.Fatal(err)
	}
	eventually(t, "the keeper has ended", func() error {
		if unix.Kill(old, 0) == nil {
			return errors.New("not yet")
		}
		return nil
	})
	n.ready(t)
}

// configure changes a line of the node's file.
func (n *node) configure(t *testing.T, old, changed string) {
	t.Helper()
	text, err := os.ReadFile(filepath.Join(n.dir, "node.yaml"))
	if err != nil {
		t.Fatal(err)
	}
	n.write(t, "node.yaml", strings.Replace(string(text), old, changed, 1))
}

// The node's file says on, and off again. The next keeper replaces what was started otherwise, whoever dies
// meanwhile.
func TestQUICIsTurnedOnAndOffInTheFile(t *testing.T) {
	const off = "tunnels: {quic: off}\n"
	n := startNode(t, "isolation: shared\n"+off)
	n.echo(t)
	if err := n.once(); err != nil {
		t.Fatal(err)
	}
	n.configure(t, off, quicOn)
	n.nextKeeper(t)
	n.nextKeeper(t) // amid that
	n.overQUIC(t)
	n.configure(t, quicOn, migrateOn)
	n.nextKeeper(t)
	eventually(t, "the cells are others", func() error {
		if !n.lineHas("cell is replaced", `"migrate":"on"`) {
			return errors.New("none is replaced")
		}
		return nil
	})
	n.overQUIC(t)
	n.configure(t, migrateOn, off)
	n.nextKeeper(t)
	eventually(t, "nobody has the UDP sockets", func() error {
		c, err := n.B.ListenUDP(redirect.NodePorts.HBONE, 0)
		if err == nil {
			c.Close()
		}
		return err
	})
	c, err := n.dial()
	if err == nil {
		err = say(c, "over HTTP/2 "+strings.Repeat("x", 4321))
	}
	if err != nil {
		t.Fatal(err)
	}
	c.Close()
	eventually(t, "that is on record", func() error {
		if !n.lineHas(`"direction":"outbound"`, `"bytes_sent":4333`) {
			return errors.New("no line of that connection")
		}
		return nil
	})
	for _, bad := range []string{"no tunnels over QUIC", "no QUIC", "cell died"} {
		if n.lineHas(bad) {
			t.Errorf("%q in the log", bad)
		}
	}
	if n.lineHas(`"bytes_sent":4333`, `"transport":"quic"`) {
		t.Error("it went over QUIC")
	}
}

// A cell that died over QUIC: what speaks to it fails at once, and goes on over QUIC once it is back.
func TestACrashOverQUIC(t *testing.T) {
	n := startNode(t, "isolation: workload\n"+quicOn)
	n.echo(t)
	n.overQUIC(t)
	c, err := n.dial()
	if err != nil {
		t.Fatal(err)
	}
	defer c.Close()
	if err := say(c, "before"); err != nil {
		t.Fatal(err)
	}
	died := time.Now()
	if err := unix.Kill(n.cellOf(t, "a/server").PID, unix.SIGKILL); err != nil {
		t.Fatal(err)
	}
	if err := say(c, "after"); err == nil {
		t.Error("a connection outlived its cell")
	}
	t.Logf("noticed after %v", time.Since(died))
	eventually(t, "connections are made again", n.once)
	n.overQUIC(t)
}

// A successor answers for the dead, so that an accepting end hears of it before it has asked for long.
func TestASuccessorResetsWhatItDoesNotKnow(t *testing.T) {
	n := startNode(t, "isolation: workload\n"+quicOn)
	n.echo(t)
	n.isReset(t, func() {
		if err := unix.Kill(n.cellOf(t, "a/client").PID, unix.SIGKILL); err != nil {
			t.Fatal(err)
		}
	})
	n.overQUIC(t)
}

// A sidecar that was killed and is started again answers for the dead one, whose key it has; and it says that it was.
func TestAStartedSidecarResetsWhatItDoesNotKnow(t *testing.T) {
	n := startNode(t, "isolation: workload\n"+quicOn)
	n.echo(t)
	file := n.caLine() + "\nadmin: " + filepath.Join(n.dir, "sidecar.sock") + "\n" + quicOn
	sidecar := n.sidecarOf(t, "a/client", n.A, file)
	dies := func() { _ = sidecar.Process.Kill(); _ = sidecar.Wait() }
	t.Cleanup(func() { dies() })
	n.sidecarReady(t, "a/client")
	n.move(t, "a/client", Sidecar)
	n.isReset(t, func() {
		dies()
		sidecar = n.sidecarOf(t, "a/client", n.A, file)
		n.sidecarReady(t, "a/client")
	})
	n.wantSidecarMetrics(t)
}

// isReset has a process of the client's crash while the server talks to it over QUIC, until the server is told by a reset. Where the next
// process takes its time, silence is noticed first.
func (n *node) isReset(t *testing.T, crash func()) {
	t.Helper()
	n.chatter(t)
	for range 5 {
		n.overQUIC(t)
		c, err := n.dialTo(netip.AddrPortFrom(n.B4, chatterPort))
		if err != nil {
			t.Fatal(err)
		}
		if _, err := io.ReadFull(c, make([]byte, 1)); err != nil {
			t.Fatal(err)
		}
		before := len(n.linesWith(`"direction":"inbound"`, `"transport":"quic"`, `"error"`))
		crash()
		eventually(t, "the server's end of it is on record", func() error {
			if len(n.linesWith(`"direction":"inbound"`, `"transport":"quic"`, `"error"`)) == before {
				return errors.New("no line of it")
			}
			return nil
		})
		c.Close()
		if n.lineHas(`"direction":"inbound"`, `"transport":"quic"`, "stateless reset") {
			return
		}
	}
	t.Error("silence alone told the server")
}

// chatterPort is where the server pod talks on, whether anybody answers or not.
const chatterPort = 8070

func (n *node) chatter(t *testing.T) {
	t.Helper()
	l, err := n.B.Listen(netns.ListenOptions{Port: chatterPort})
	if err != nil {
		t.Fatal(err)
	}
	var talks sync.WaitGroup
	talks.Go(func() {
		for {
			c, err := l.AcceptTCP()
			if err != nil {
				return
			}
			talks.Go(func() {
				defer c.Close()
				_ = c.SetDeadline(time.Now().Add(2 * patience))
				for _, err := c.Write([]byte{1}); err == nil; _, err = c.Write([]byte{1}) {
					time.Sleep(5 * time.Millisecond) // as somebody talks, not as a flood
				}
			})
		}
	})
	t.Cleanup(func() { l.Close(); talks.Wait() })
}

// lineHas says whether a line of the log has all of these.
func (n *node) lineHas(parts ...string) bool { return n.line(parts...) != "" }

// line is the first of the log that has all of these; "" is none.
func (n *node) line(parts ...string) string {
	for _, line := range n.linesWith(parts...) {
		return line
	}
	return ""
}

// linesWith are the lines of the log that have all of these.
func (n *node) linesWith(parts ...string) (found []string) {
	for line := range strings.Lines(n.stderr.String()) {
		missing := func(part string) bool { return !strings.Contains(line, part) }
		if !slices.ContainsFunc(parts, missing) {
			found = append(found, line)
		}
	}
	return found
}

// A drain over QUIC: what is open may go on until the deadline, and is cut then; undone in between,
// QUIC is there again.
func TestADrainOverQUIC(t *testing.T) {
	n := startNode(t, "isolation: workload\n"+quicOn)
	n.echo(t)
	n.overQUIC(t)
	c, err := n.dial()
	if err != nil {
		t.Fatal(err)
	}
	defer c.Close()
	if err := say(c, "before"); err != nil {
		t.Fatal(err)
	}
	ctx, giveUp := context.WithCancel(t.Context())
	drained := make(chan error, 1)
	go func() { drained <- n.callIn(ctx, "POST", "/drain", `{"workloads":["a/server"],"seconds":600}`) }()
	eventually(t, "nothing new is taken", func() error {
		if n.once() == nil {
			return errors.New("something is")
		}
		return nil
	})
	if err := say(c, "while it drains"); err != nil {
		t.Error(err)
	}
	giveUp() // the drain goes on
	<-drained
	undo := admin.Drain{Workloads: []string{"a/server"}, Undo: true}
	if err := n.call(t, "POST", "/drain", undo, nil); err != nil {
		t.Fatal(err)
	}
	n.overQUIC(t) // the same process serves it twice now: each part has a socket of its own
	if err := say(c, "after the undo"); err != nil {
		t.Error(err)
	}
	c.Close()
	n.overQUIC(t)
	if c, err = n.dial(); err == nil {
		err = say(c, "again")
	}
	if err != nil {
		t.Fatal(err)
	}
	defer c.Close()
	var done []admin.Drained
	if err := n.call(t, "POST", "/drain", admin.Drain{Workloads: []string{"a/server"}, Seconds: 0.1}, &done); err != nil || len(done) != 1 || done[0].Cut != 1 {
		t.Errorf("%+v, %v: one connection was open", done, err)
	}
	if _, err := io.ReadAll(c); err == nil {
		t.Error("a connection that was cut ended well")
	}
}

// A pod's own sidecar announces its own port, and peers follow a move there and back, while
// what was open goes on in the cell that it was opened in.
func TestQUICFollowsAMoveToASidecar(t *testing.T) {
	n := startNode(t, "isolation: shared\ndrain: 10m\n"+quicOn)
	n.echo(t)
	n.overQUIC(t)
	c, err := n.dial()
	if err != nil {
		t.Fatal(err)
	}
	if err := say(c, "before"); err != nil {
		t.Fatal(err)
	}
	stop := n.startSidecarOf(t, "a/server", n.B, n.caLine()+"\n"+quicOn)
	n.move(t, "a/server", Sidecar)
	eventually(t, "a connection reaches the sidecar over QUIC", func() error {
		if err := n.once(); err != nil {
			t.Errorf("a connection failed: %v", err)
		}
		if !n.lineHas(`"cell":"sidecar/a/server"`, `"transport":"quic"`) {
			return errors.New("over HTTP/2 so far")
		}
		return nil
	})
	n.move(t, "a/server", "")
	n.overQUIC(t)
	if err := say(c, "after"); err != nil {
		t.Error(err)
	}
	c.Close()
	stop()
}

// Where UDP passes no more, what was open over QUIC is cut, the next connection goes over HTTP/2 at
// once, and later ones over QUIC again when UDP is back.
func TestQUICIsBlocked(t *testing.T) {
	n := startNode(t, "isolation: workload\n"+quicOn)
	n.echo(t)
	n.overQUIC(t)
	c, err := n.dial()
	if err != nil {
		t.Fatal(err)
	}
	defer c.Close()
	if err := say(c, "before"); err != nil {
		t.Fatal(err)
	}
	unblock := blockUDP(t, n.A)
	began := time.Now()
	if err := say(c, "after"); err == nil {
		t.Error("an answer through a network that lets nothing pass")
	}
	noticed := time.Since(began)
	if c, err = n.dial(); err == nil {
		err = say(c, "over HTTP/2 "+strings.Repeat("x", 4321))
	}
	if err != nil {
		t.Fatal(err)
	}
	t.Logf("noticed after %v, over HTTP/2 after %v", noticed, time.Since(began))
	c.Close()
	eventually(t, "that is on record", func() error {
		switch {
		case !n.lineHas(`"direction":"outbound"`, `"bytes_sent":4333`):
			return errors.New("no line of that connection")
		case n.lineHas(`"bytes_sent":4333`, `"transport":"quic"`):
			t.Error("it went over QUIC")
		}
		return nil
	})
	unblock()
	back := time.Now()
	n.overQUIC(t)
	t.Logf("back after %v", time.Since(back))
}

// blockUDP lets no UDP reach a pod.
func blockUDP(t *testing.T, ns *netns.Namespace) (unblock func()) {
	t.Helper()
	table := &nftables.Table{Family: nftables.TableFamilyINet, Name: "no_udp"}
	do := func(f func(*nftables.Conn)) {
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
	do(func(c *nftables.Conn) {
		c.AddTable(table)
		chain := c.AddChain(&nftables.Chain{Name: "in", Table: table, Type: nftables.ChainTypeFilter, Hooknum: nftables.ChainHookInput, Priority: nftables.ChainPriorityFilter})
		c.AddRule(&nftables.Rule{Table: table, Chain: chain, Exprs: []expr.Any{
			&expr.Meta{Key: expr.MetaKeyL4PROTO, Register: 1},
			&expr.Cmp{Op: expr.CmpOpEq, Register: 1, Data: []byte{unix.IPPROTO_UDP}},
			&expr.Verdict{Kind: expr.VerdictDrop},
		}})
	})
	return func() { do(func(c *nftables.Conn) { c.DelTable(table) }) }
}

package keeper

import (
	"errors"
	"os"
	"strings"
	"testing"
	"time"

	"golang.org/x/sys/unix"
)

const quicOn = "tunnels: {quic: on}\n"

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
	in, out := n.carried("inbound"), n.carried("outbound")
	eventually(t, "a connection goes over QUIC", func() error {
		if err := n.once(); err != nil {
			t.Errorf("a connection failed: %v", err)
		}
		if n.carried("inbound") == in || n.carried("outbound") == out {
			return errors.New("over HTTP/2 so far")
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
	if os.Geteuid() != 0 {
		t.Skip("needs root")
	}
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

// A cell that died over QUIC: its peer hears of it from its successor.
func TestACrashOverQUICIsNoticed(t *testing.T) {
	if os.Geteuid() != 0 {
		t.Skip("needs root")
	}
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
	if err := unix.Kill(n.cellOf(t, "a/server").PID, unix.SIGKILL); err != nil {
		t.Fatal(err)
	}
	died := time.Now()
	if err := say(c, "after"); err == nil {
		t.Error("a connection outlived its cell")
	}
	t.Logf("noticed after %v", time.Since(died))
	eventually(t, "the line says so", func() error {
		if !strings.Contains(n.stderr.String(), "stateless reset") {
			return errors.New("no line with a stateless reset")
		}
		return nil
	})
	n.overQUIC(t)
}

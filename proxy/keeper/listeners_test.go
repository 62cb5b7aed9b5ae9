package keeper

import (
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"net/netip"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"
	"unsafe"

	"golang.org/x/sys/unix"

	"github.com/bulkhead-mesh/bulkhead/redirect"
	"github.com/bulkhead-mesh/bulkhead/redirect/netns"
)

// stolen is the listener of a port, taken out of a process that holds it.
func stolen(t *testing.T, pid int, port uint16) int {
	t.Helper()
	process, err := unix.PidfdOpen(pid, 0)
	if err != nil {
		t.Fatal(err)
	}
	defer unix.Close(process)
	names, err := filepath.Glob(fmt.Sprintf("/proc/%d/fd/*", pid))
	if err != nil {
		t.Fatal(err)
	}
	for _, name := range names {
		n, err := strconv.Atoi(filepath.Base(name))
		if err != nil {
			t.Fatal(err)
		}
		fd, err := unix.PidfdGetfd(process, n, 0)
		if err != nil {
			continue // closed meanwhile
		}
		on, err := unix.GetsockoptInt(fd, unix.SOL_SOCKET, unix.SO_ACCEPTCONN)
		if at, e := unix.Getsockname(fd); err == nil && e == nil && on == 1 && portOf(at) == port {
			t.Cleanup(func() { unix.Close(fd) })
			return fd
		}
		unix.Close(fd)
	}
	t.Fatalf("process %d holds no listener of port %d", pid, port)
	return -1
}

// damages are what a holder can do to a listener for all others.
var damages = map[string]func(fd int) error{
	"shutdown": func(fd int) error { return unix.Shutdown(fd, unix.SHUT_RD) },
	"connect to AF_UNSPEC": func(fd int) error {
		var a [16]byte // family AF_UNSPEC, and nothing else
		_, _, e := unix.Syscall(unix.SYS_CONNECT, uintptr(fd), uintptr(unsafe.Pointer(&a[0])), uintptr(len(a)))
		if e != 0 {
			return e
		}
		return nil
	},
	"filter": func(fd int) error {
		drop := []unix.SockFilter{{Code: unix.BPF_RET | unix.BPF_K, K: 0}}
		return errors.Join(
			unix.SetsockoptSockFprog(fd, unix.SOL_SOCKET, unix.SO_ATTACH_FILTER, &unix.SockFprog{Len: 1, Filter: &drop[0]}),
			unix.SetsockoptInt(fd, unix.SOL_SOCKET, unix.SO_LOCK_FILTER, 1))
	},
}

// A listener that a holder has damaged is found, made anew, and served: at the end of
// the process, and while it lives.
func TestADamagedListenerIsMadeAnew(t *testing.T) {
	for name, damage := range damages {
		for _, dies := range []bool{true, false} {
			t.Run(fmt.Sprintf("%s/dies %t", name, dies), func(t *testing.T) {
				every := "1h"
				if !dies {
					every = "100ms"
				}
				n := startNode(t, "isolation: workload\nliveness: {interval: 50ms, misses: 100, listeners: "+every+"}\n")
				n.echo(t)
				if err := n.roundTrip(); err != nil {
					t.Fatal(err)
				}
				before, other := n.cellOf(t, "a/server"), n.cellOf(t, "a/client")
				fd := stolen(t, before.PID, redirect.NodePorts.HBONE)
				if err := damage(fd); err != nil {
					t.Fatal(err)
				}
				if err := unix.Shutdown(stolen(t, other.PID, redirect.NodePorts.Outbound), unix.SHUT_RD); err != nil {
					t.Fatal(err)
				}
				if dies {
					if soundFD(fd, redirect.NodePorts.HBONE) == nil {
						t.Error("the damage is not seen")
					}
					for _, pid := range []int{before.PID, other.PID} {
						if err := syscall.Kill(pid, syscall.SIGKILL); err != nil {
							t.Fatal(err)
						}
					}
				}
				eventually(t, "both are made anew", func() error { return n.counts("bulkhead_listeners_recreated_total 2") })
				eventually(t, "the pods talk again", n.roundTrip)
				if now := n.cellOf(t, "a/server"); now.PID == before.PID {
					t.Error("the process that held the damaged listener still serves")
				}
				if err := soundFD(stolen(t, n.cellOf(t, "a/server").PID, redirect.NodePorts.HBONE), redirect.NodePorts.HBONE); err != nil {
					t.Error(err)
				}
			})
		}
	}
}

// What is not damaged is not touched, however often it is looked at.
func TestSoundListenersAreLeftAlone(t *testing.T) {
	n := startNode(t, "isolation: workload\nliveness: {interval: 10ms, misses: 500, listeners: 10ms}\n")
	n.echo(t)
	cells := n.cells(t)
	stop := n.hammer(t)
	for range 20 {
		if err := n.roundTrip(); err != nil {
			t.Error(err)
		}
	}
	stop()
	if err := n.counts("bulkhead_listeners_recreated_total 0"); err != nil {
		t.Error(err)
	}
	n.sameCells(t, cells)
	if log := n.stderr.String(); strings.Contains(log, `"connection failed"`) {
		t.Error("looking at the listeners is in the log as failed connections")
	}
}

// A knock is answered: the control of the test above, which would pass if nobody knocked.
func TestAKnockIsClosedAtOnce(t *testing.T) {
	n := startNode(t, "isolation: workload\n")
	n.cellOf(t, "a/server")
	for _, l := range listenPorts {
		c, err := n.B.Dial(t.Context(), netns.DialOptions{Remote: netip.AddrPortFrom(netip.AddrFrom4([4]byte{127, 0, 0, 1}), l.port), Source: redirect.Knock})
		if err != nil {
			t.Fatal(err)
		}
		if err := c.SetDeadline(time.Now().Add(patience)); err != nil {
			t.Error(err)
		}
		if _, err := c.Read(make([]byte, 1)); !errors.Is(err, io.EOF) {
			t.Errorf("%s: %v, want it closed", l.name, err)
		}
		c.Close()
	}
	if log := n.stderr.String(); strings.Contains(log, `"connection failed"`) {
		t.Error("a knock is in the log")
	}
}

// After a crash nobody knocks before somebody accepts: a knock would stay in the backlog, as a
// connection that a rollback waits for. The listeners are knocked at when the successor serves.
func TestNobodyKnocksAtADeadCellsListeners(t *testing.T) {
	n := startNode(t, "isolation: workload\nliveness: {listeners: 1h}\n")
	n.echo(t)
	before := n.cellOf(t, "a/server")
	knocked, _ := knocks(t, n.B)
	if err := syscall.Kill(before.PID, syscall.SIGKILL); err != nil {
		t.Fatal(err)
	}
	eventually(t, "another serves", func() error {
		_, waiting := knocks(t, n.B)
		for _, c := range n.cells(t) { // asked later: whoever is not up now was not up then
			switch {
			case c.Name != before.Name || c.PID == before.PID:
			case c.State == "up":
				return nil
			case waiting > 0:
				t.Fatalf("%d knocks wait where nobody accepts", waiting)
			}
		}
		return errors.New("nobody does")
	})
	eventually(t, "the successor is knocked at", func() error {
		if now, _ := knocks(t, n.B); now <= knocked {
			return errors.New("it is not")
		}
		return nil
	})
}

// knocks counts the sockets of a pod from which a keeper has knocked, and those knocked at that
// nobody has closed.
func knocks(t *testing.T, ns *netns.Namespace) (from, waiting int) {
	t.Helper()
	ip := redirect.Knock.As4()
	address := fmt.Sprintf("%08X:", binary.NativeEndian.Uint32(ip[:])) // the end of the mapped one, too
	err := ns.Do(func() error {
		for _, table := range []string{"tcp", "tcp6"} {
			b, err := os.ReadFile("/proc/thread-self/net/" + table)
			if err != nil {
				return err
			}
			for _, line := range strings.Split(string(b), "\n") {
				switch f := strings.Fields(line); {
				case len(f) < 4:
				case strings.Contains(f[1], address):
					from++
				case strings.Contains(f[2], address) && (f[3] == "01" || f[3] == "08"): // established, or closed by the keeper
					waiting++
				}
			}
		}
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	return from, waiting
}

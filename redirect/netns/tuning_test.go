package netns_test

import (
	"errors"
	"net"
	"os"
	"strings"
	"testing"

	"golang.org/x/sys/unix"

	"github.com/bulkhead-mesh/bulkhead/redirect/netns"
)

// What is set is read back from real sockets, of both ends.
func TestTuning(t *testing.T) {
	n := newNamespace(t)
	l := listen(t, n, netns.ListenOptions{Port: 8080})
	for name, tuning := range map[string]netns.Tuning{"local": netns.Local, "remote": netns.Remote, "peer": netns.Peer} {
		t.Run(name, func(t *testing.T) {
			dialled := dial(t, n, netns.DialOptions{Remote: addrPort("127.0.0.1:8080"), Tuning: tuning})
			accepted := accept(t, l)
			tuning.Apply(accepted)
			for end, c := range map[string]*net.TCPConn{"dialled": dialled, "accepted": accepted} {
				t.Run(end, func(t *testing.T) { wantTuned(t, c, tuning) })
			}
		})
	}
}

func wantTuned(t *testing.T, c *net.TCPConn, tuning netns.Tuning) {
	t.Helper()
	raw, err := c.SyscallConn()
	if err != nil {
		t.Fatal(err)
	}
	if option(t, raw, unix.IPPROTO_TCP, unix.TCP_NODELAY) != 1 {
		t.Error("no TCP_NODELAY")
	}
	if got := option(t, raw, unix.SOL_SOCKET, unix.SO_KEEPALIVE) == 1; got != tuning.KeepAlive {
		t.Errorf("keepalive %v", got)
	}
	if tuning.KeepAlive {
		for _, o := range []struct {
			name       string
			what, want int
		}{{"TCP_KEEPIDLE", unix.TCP_KEEPIDLE, 180}, {"TCP_KEEPINTVL", unix.TCP_KEEPINTVL, 180}, {"TCP_KEEPCNT", unix.TCP_KEEPCNT, 9}} {
			if got := option(t, raw, unix.IPPROTO_TCP, o.what); got != o.want {
				t.Errorf("%s is %d, want %d", o.name, got, o.want)
			}
		}
	}
	if got := netns.Congestion(c); tuning.Congestion != "" && available(t, tuning.Congestion) && got != tuning.Congestion {
		t.Errorf("congestion control is %s, want %s", got, tuning.Congestion)
	}
}

// available says whether a process with all capabilities can have an algorithm.
func available(t *testing.T, name string) bool {
	t.Helper()
	b, err := os.ReadFile("/proc/sys/net/ipv4/tcp_available_congestion_control")
	if errors.Is(err, os.ErrNotExist) {
		return false
	}
	if err != nil {
		t.Fatal(err)
	}
	for have := range strings.FieldsSeq(string(b)) {
		if have == name {
			return true
		}
	}
	return false
}

// Buffers are the kernel's to size: what we set would stay as it is.
func TestBuffersAreLeftToTheKernel(t *testing.T) {
	n := newNamespace(t)
	l := listen(t, n, netns.ListenOptions{Port: 8080, Tuning: netns.Peer})
	c := dial(t, n, netns.DialOptions{Remote: addrPort("127.0.0.1:8080"), Tuning: netns.Peer})
	s := accept(t, l)
	netns.Peer.Apply(s)
	before := buffer(t, s)
	moved := make(chan error, 1)
	go func() { moved <- moveBytes(c, s, 64<<20) }()
	if err := <-moved; err != nil {
		t.Fatal(err)
	}
	if after := buffer(t, s); after <= before {
		t.Errorf("a receive buffer of %d bytes is %d after 64 MiB: autotuning is off", before, after)
	}
}

func buffer(t *testing.T, c *net.TCPConn) int {
	t.Helper()
	raw, err := c.SyscallConn()
	if err != nil {
		t.Fatal(err)
	}
	return option(t, raw, unix.SOL_SOCKET, unix.SO_RCVBUF)
}

// moveBytes writes n bytes into one end and reads them from the other.
func moveBytes(from, to *net.TCPConn, n int) error {
	wrote := make(chan error, 1)
	go func() {
		b := make([]byte, 1<<20)
		for range n / len(b) {
			if _, err := from.Write(b); err != nil {
				wrote <- err
				return
			}
		}
		wrote <- from.CloseWrite()
	}()
	b := make([]byte, 1<<20)
	for {
		m, err := to.Read(b)
		if n -= m; err != nil || n == 0 {
			return errors.Join(err, <-wrote)
		}
	}
}

// What a listener was given is there in what it accepts, before anybody applies it: so
// does a cell that may not choose an algorithm accept tunnels with one.
func TestAcceptedConnectionsInheritTheAlgorithm(t *testing.T) {
	if !available(t, netns.Peer.Congestion) {
		t.Skip("this kernel has no " + netns.Peer.Congestion)
	}
	n := newNamespace(t)
	l := listen(t, n, netns.ListenOptions{Port: 8080, Tuning: netns.Peer})
	dial(t, n, netns.DialOptions{Remote: addrPort("127.0.0.1:8080")})
	if got := netns.Congestion(accept(t, l)); got != netns.Peer.Congestion {
		t.Errorf("congestion control is %s", got)
	}
}

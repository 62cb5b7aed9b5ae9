package vitals

import (
	"net"
	"net/netip"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"
	"go.uber.org/goleak"

	"github.com/bulkhead-mesh/bulkhead/redirect/netns"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

var byValue = cmpopts.EquateComparable(netip.Addr{}, netip.AddrPort{})

func listen(t *testing.T, address string) *net.TCPListener {
	t.Helper()
	l, err := net.Listen("tcp", address)
	if err != nil {
		t.Skipf("no %s here: %v", address, err)
	}
	t.Cleanup(func() { l.Close() })
	return l.(*net.TCPListener)
}

func dial(t *testing.T, l net.Listener) net.Conn {
	t.Helper()
	c, err := net.Dial("tcp", l.Addr().String())
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { c.Close() })
	return c
}

// find is the one socket that is as wanted.
func find(t *testing.T, is func(Socket) bool) Socket {
	t.Helper()
	all, err := Sockets(netns.Own())
	if err != nil {
		t.Fatal(err)
	}
	var found []Socket
	for _, s := range all {
		if is(s) {
			found = append(found, s)
		}
	}
	if len(found) != 1 {
		t.Fatalf("%d sockets of %d are as wanted: %+v", len(found), len(all), found)
	}
	return found[0]
}

// What nobody accepts is seen at the door, and goes when somebody does.
func TestTheKernelSaysWhoWaits(t *testing.T) {
	for _, address := range []string{"127.0.0.1:0", "[::1]:0"} {
		l := listen(t, address)
		door := func(s Socket) bool {
			return s.State == Listen && s.Local == l.Addr().(*net.TCPAddr).AddrPort()
		}
		for want := range uint32(3) {
			if s := find(t, door); s.Waiting != want || s.Room == 0 {
				t.Errorf("%s: %d wait, room for %d, want %d", address, s.Waiting, s.Room, want)
			}
			dial(t, l)
		}
		c, err := l.Accept()
		if err != nil {
			t.Fatal(err)
		}
		defer c.Close()
		if s := find(t, door); s.Waiting != 2 {
			t.Errorf("%s: %d wait after one was accepted", address, s.Waiting)
		}
	}
}

func TestTheKernelSaysHowFarAPeerIs(t *testing.T) {
	c := dial(t, listen(t, "127.0.0.1:0"))
	if _, err := c.Write(make([]byte, 1000)); err != nil {
		t.Fatal(err)
	}
	local, remote := c.LocalAddr().(*net.TCPAddr).AddrPort(), c.RemoteAddr().(*net.TCPAddr).AddrPort()
	s := find(t, func(s Socket) bool { return s.State == Established && s.Local == local && s.Remote == remote })
	if s.RTT <= 0 || s.RTT > time.Second || s.MinRTT <= 0 || s.MinRTT > s.RTT+time.Millisecond || s.Sent < 2 || s.Resent != 0 {
		t.Errorf("%+v", s)
	}
}

func TestAddressesAreThoseThatOthersReach(t *testing.T) {
	all, err := Addresses(netns.Own())
	if err != nil {
		t.Fatal(err)
	}
	for _, a := range all {
		if a.IsLoopback() || a.IsLinkLocalUnicast() {
			t.Errorf("%v", a)
		}
	}
}

func TestSummarize(t *testing.T) {
	me, a, b := netip.MustParseAddr("10.0.0.1"), netip.MustParseAddr("10.0.0.2"), netip.MustParseAddr("10.0.0.3")
	to := func(s Socket, a netip.Addr, port uint16) Socket {
		s.Local, s.Remote = netip.AddrPortFrom(me, 40000), netip.AddrPortFrom(a, port)
		return s
	}
	at := func(s Socket, port uint16) Socket {
		s.State, s.Local = Listen, netip.AddrPortFrom(netip.IPv6Unspecified(), port)
		return s
	}
	ms := time.Millisecond
	got := Summarize("x/y", []Socket{
		at(Socket{Waiting: 3, Room: 128}, 15006),
		at(Socket{Room: 4096}, 9000),
		to(Socket{State: Established, RTT: 9 * ms, MinRTT: 2 * ms, Sent: 10, Resent: 1}, b, 15008),
		to(Socket{State: Established, RTT: 3 * ms, MinRTT: ms, Sent: 5, Unanswered: 2, Tries: 3, Unheard: 900 * ms}, b, 15008),
		to(Socket{State: CloseWait, RTT: 5 * ms, MinRTT: 4 * ms, Unanswered: 1, Tries: 1, Unheard: 700 * ms}, b, 15008),
		to(Socket{State: SynSent}, a, 15008),
		to(Socket{State: SynSent, Tries: 1}, a, 15008),
		to(Socket{State: Established, RTT: time.Second}, a, 80), // no tunnel
		{State: FinWait2, Local: netip.AddrPortFrom(me, 15008), Remote: netip.AddrPortFrom(b, 50001)},
		{State: Established, Local: netip.AddrPortFrom(me, 15008), Remote: netip.AddrPortFrom(b, 50000)},
	}, []netip.Addr{me})
	want := Pod{
		UID: "x/y", Addresses: []netip.Addr{me},
		Doors: []Door{{Port: 9000, Room: 4096}, {Port: 15006, Waiting: 3, Room: 128}},
		Held:  1,
		Peers: []Peer{
			{Address: a, Connecting: 1},
			{Address: b, Tunnels: 3, Stuck: 1, Unheard: 900 * ms, RTT: 5 * ms, MinRTT: ms, Sent: 15, Resent: 1},
		},
	}
	if d := cmp.Diff(want, got, byValue); d != "" {
		t.Error(d)
	}
}

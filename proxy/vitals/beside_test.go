package vitals

import (
	"net/netip"
	"testing"

	"github.com/bulkhead-mesh/bulkhead/redirect/netns"
)

// What leaves a pod past its sidecar is told from what goes through it, from what comes in
// and from what the sidecar itself sends.
func TestUncaptured(t *testing.T) {
	at := netip.MustParseAddrPort
	me, far := netip.MustParseAddr("10.0.0.1"), at("10.0.0.9:80")
	const application, ours = 7, 8
	listens := Socket{State: Listen, Local: at("[::]:9000"), Inode: application}
	for name, x := range map[string]struct {
		sockets   []Socket
		beside    int
		unreached int
	}{
		"captured": {[]Socket{
			{State: Established, Local: at("10.0.0.1:40000"), Remote: far, Inode: application},
			{State: Established, Local: at("127.0.0.1:16001"), Remote: at("10.0.0.1:40000")}, // nobody has accepted it yet
		}, 0, 0},
		"past it":            {[]Socket{{State: Established, Local: at("10.0.0.1:40000"), Remote: far, Inode: application}}, 1, 0},
		"past it, to nobody": {[]Socket{{State: SynSent, Local: at("10.0.0.1:40000"), Remote: far, Inode: application}}, 1, 0},
		"closed by us":       {[]Socket{{State: CloseWait, Local: at("10.0.0.1:40000"), Remote: far, Inode: application}}, 0, 0},
		"closed by us, and the application does not look": {[]Socket{
			{State: Established, Local: at("10.0.0.1:40000"), Remote: far, Inode: application},
			{State: FinWait1, Local: at("127.0.0.1:16001"), Remote: at("10.0.0.1:40000")},
		}, 0, 0},
		"ours":            {[]Socket{{State: Established, Local: at("10.0.0.1:40000"), Remote: far, Inode: ours}}, 0, 0},
		"it comes in":     {[]Socket{listens, {State: Established, Local: at("10.0.0.1:9000"), Remote: at("10.0.0.9:40000"), Inode: application}}, 0, 0},
		"inside the pod":  {[]Socket{{State: Established, Local: at("127.0.0.1:40000"), Remote: at("127.0.0.1:5432"), Inode: application}}, 0, 0},
		"begins to reach": {[]Socket{{State: SynSent, Local: at("10.0.0.9:40000"), Remote: at("10.0.0.1:9000"), Inode: ours}}, 0, 0},
		"does not reach":  {[]Socket{{State: SynSent, Tries: 1, Local: at("10.0.0.9:40000"), Remote: at("10.0.0.1:9000"), Inode: ours}}, 0, 1},
		"somewhere else":  {[]Socket{{State: SynSent, Tries: 1, Local: at("10.0.0.1:40000"), Remote: far, Inode: ours}}, 0, 0},
	} {
		p := Pod{Addresses: []netip.Addr{me}}
		if beside := p.Uncaptured(x.sockets, map[uint32]bool{ours: true}); len(beside) != x.beside || p.Unreached != x.unreached {
			t.Errorf("%s: beside %v, unreached %d, want %d and %d", name, beside, p.Unreached, x.beside, x.unreached)
		}
	}
}

func TestOwnSocketsAreKnown(t *testing.T) {
	l := listen(t, "127.0.0.1:0")
	s := find(t, func(s Socket) bool { return s.State == Listen && s.Local.String() == l.Addr().String() })
	if !Own()[s.Inode] || s.Inode == 0 {
		t.Errorf("the socket with inode %d is not ours: %v", s.Inode, Own())
	}
	if p := LookAround("a/web", "n1", netns.Own()); p.Problem != "" || p.UID != "a/web" {
		t.Errorf("%+v", p)
	}
}

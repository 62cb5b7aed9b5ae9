package lab

import "testing"

func TestNetstat(t *testing.T) {
	const text = "TcpExt: SyncookiesSent ListenOverflows ListenDrops\nTcpExt: 1 23 4\nIpExt: InNoRoutes ListenOverflows\nIpExt: 5 6\n"
	if n, err := netstat(text, "TcpExt", "ListenOverflows"); err != nil || n != 23 {
		t.Errorf("%d, %v", n, err)
	}
	for _, bad := range []string{"", "TcpExt: ListenOverflows\n", "TcpExt: ListenOverflows\nTcpExt:\n", "TcpExt: ListenOverflows\nTcpExt: x\n"} {
		if n, err := netstat(bad, "TcpExt", "ListenOverflows"); err == nil {
			t.Errorf("%q: %d", bad, n)
		}
	}
}

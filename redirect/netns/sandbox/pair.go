package sandbox

import (
	"net/netip"
	"testing"

	"github.com/vishvananda/netlink"

	"github.com/bulkhead-mesh/bulkhead/redirect/netns"
)

// A Pair is two network namespaces joined by one wire:
//
//	A  eth0 10.77.0.1/24 fd00:77::1/64 ──── eth0 10.77.0.2/24 fd00:77::2/64  B
//
// Each is the other's default gateway, so that any address can be dialled.
// Interfaces are up, and IPv6 addresses are usable at once (no duplicate address
// detection). Without IPv6 in the kernel A6 and B6 are the zero Addr.
type Pair struct {
	A, B           *netns.Namespace
	A4, A6, B4, B6 netip.Addr
}

// NewPair makes a Pair that lasts as long as the test.
func NewPair(t testing.TB) *Pair {
	t.Helper()
	p := &Pair{
		A4: netip.MustParseAddr("10.77.0.1"), A6: netip.MustParseAddr("fd00:77::1"),
		B4: netip.MustParseAddr("10.77.0.2"), B6: netip.MustParseAddr("fd00:77::2"),
	}
	p.A, p.B = newNamespace(t), newNamespace(t)
	if err := p.join(); err != nil {
		t.Fatal("sandbox: join two namespaces: ", err)
	}
	return p
}

func newNamespace(t testing.TB) *netns.Namespace {
	t.Helper()
	n, err := netns.New()
	if err != nil {
		t.Fatal("sandbox: new network namespace: ", err)
	}
	t.Cleanup(func() { n.Close() })
	return n
}

// Settle gives A an address that is not the wire's: an application that speaks from there keeps what it has open when the
// wire has another address.
func (p *Pair) Settle(t testing.TB, own netip.Addr) {
	t.Helper()
	err := p.A.Do(func() error {
		lo, err := netlink.LinkByName("lo")
		if err != nil {
			return err
		}
		return AddAddress(lo, own, own.BitLen())
	})
	if err != nil {
		t.Fatal("sandbox: an address of lo: ", err)
	}
}

// Readdress gives A another IPv4 address of the same network in place of its own, as when a pod is moved. The new one
// is there before the old one goes, and so is a way to B. Given something to do between, it is the other way round, and
// that is done while A has neither.
func (p *Pair) Readdress(t testing.TB, to netip.Addr, between func()) {
	t.Helper()
	err := p.A.Do(func() error {
		if between == nil {
			return takeOver(p.A4, to)
		}
		if err := removeAddress(p.A4); err != nil {
			return err
		}
		between()
		link, err := wireUp()
		if err != nil {
			return err
		}
		return address(link, to, p.B4, 24, "0.0.0.0/0")
	})
	if err != nil {
		t.Fatal("sandbox: another address: ", err)
	}
	p.A4 = to
}

package sandbox

import (
	"fmt"
	"net/netip"
	"testing"

	"github.com/vishvananda/netlink"

	"github.com/bulkhead-mesh/bulkhead/redirect/netns"
)

// A Fabric is many network namespaces on one switch, itself a namespace: a Sniffer
// there sees what any of them says to another.
//
//	end i  eth0 10.77.0.(i+1)/24 fd00:77::(i+1)/64 ── port of the bridge br0 in Switch
type Fabric struct {
	Switch *netns.Namespace
	Ends   []End
}

// An End is one namespace of a Fabric. Without IPv6 in the kernel A6 is the zero Addr.
type End struct {
	*netns.Namespace
	A4, A6 netip.Addr
}

// NewFabric makes a Fabric of n ends, 250 at most, that lasts as long as the test.
func NewFabric(t testing.TB, n int) *Fabric {
	t.Helper()
	f := &Fabric{Switch: newNamespace(t)}
	if n > 250 {
		t.Fatalf("sandbox: a fabric of %d ends: 250 at most", n)
	}
	if err := f.Switch.Do(f.layBridge); err != nil {
		t.Fatal("sandbox: lay a bridge: ", err)
	}
	for i := range n {
		e := End{Namespace: newNamespace(t), A4: netip.AddrFrom4([4]byte{10, 77, 0, byte(i + 1)})}
		if hasIPv6() {
			e.A6 = netip.AddrFrom16([16]byte{0: 0xfd, 3: 0x77, 15: byte(i + 1)})
		}
		if err := f.connect(e, fmt.Sprint("port", i)); err != nil {
			t.Fatal("sandbox: connect an end to the switch: ", err)
		}
		f.Ends = append(f.Ends, e)
	}
	return f
}

const bridge = "br0"

func (f *Fabric) layBridge() error {
	if err := skipDAD(); err != nil {
		return err
	}
	attributes := netlink.NewLinkAttrs()
	attributes.Name = bridge
	b := &netlink.Bridge{LinkAttrs: attributes}
	if err := netlink.LinkAdd(b); err != nil {
		return err
	}
	return netlink.LinkSetUp(b)
}

// connect lays a wire from an end to a port of the bridge.
func (f *Fabric) connect(e End, port string) error {
	if err := e.Do(skipDAD); err != nil {
		return err
	}
	err := f.Switch.Do(func() error {
		master, err := netlink.LinkByName(bridge)
		if err != nil {
			return err
		}
		veth := &netlink.Veth{LinkAttrs: netlink.NewLinkAttrs(), PeerName: wire, PeerNamespace: netlink.NsFd(int(e.File().Fd()))}
		veth.Name, veth.MasterIndex = port, master.Attrs().Index
		if err := netlink.LinkAdd(veth); err != nil {
			return err
		}
		return netlink.LinkSetUp(veth)
	})
	if err != nil {
		return err
	}
	return e.Do(e.plug)
}

// plug brings the end's interface up, and waits until its addresses can be used.
func (e End) plug() error {
	link, err := wireUp()
	if err != nil {
		return err
	}
	if err := AddAddress(link, e.A4, 24); err != nil || !e.A6.IsValid() {
		return err
	}
	if err := AddAddress(link, e.A6, 64); err != nil {
		return err
	}
	return WaitLocal(e.A6)
}

package rules

import (
	"net"
	"net/netip"

	"github.com/vishvananda/netlink"
	"golang.org/x/sys/unix"

	"github.com/bulkhead-mesh/bulkhead/redirect"
)

// A capture is one captured connection, by the sockets of its two ends as far
// as they are in this namespace. The end that dialled comes first.
type capture struct{ ends []*netlink.Socket }

// endpoints are the two addresses of one socket.
type endpoints struct{ local, remote netip.AddrPort }

// captured lists captured connections that are open. Conntrack knows which
// connections are captured, and the sockets which of those are open: conntrack
// entries outlive their connection by minutes.
func (k *kernel) captured() ([]capture, error) {
	// Of both families at once: the kernel walks a table that all namespaces
	// share, which takes ten milliseconds where it is large.
	flows, err := settled(func() ([]*netlink.ConntrackFlow, error) {
		return k.ip.ConntrackTableList(netlink.ConntrackTable, unix.AF_UNSPEC)
	})
	if err != nil {
		return nil, k.fail(StepCount, "in conntrack", err)
	}
	sockets, err := k.sockets()
	if err != nil {
		return nil, err
	}
	var open []capture
	for _, f := range flows {
		if c, ok := captureOf(f, sockets); ok {
			open = append(open, c)
		}
	}
	return open, nil
}

// captureOf decides by mark, and for connections to the listeners, which have
// none, by the port: but only where that port is of this pod, since the tunnels
// that leave it go to the same port of other pods. What NAT has moved counts, too.
func captureOf(f *netlink.ConntrackFlow, sockets map[endpoints]*netlink.Socket) (capture, bool) {
	if f.Forward.Protocol != unix.IPPROTO_TCP {
		return capture{}, false
	}
	client := endpoints{addrPort(f.Forward.SrcIP, f.Forward.SrcPort), addrPort(f.Forward.DstIP, f.Forward.DstPort)}
	server := endpoints{addrPort(f.Reverse.SrcIP, f.Reverse.SrcPort), addrPort(f.Reverse.DstIP, f.Reverse.DstPort)}
	var c capture
	for _, end := range []endpoints{client, server} {
		if s := sockets[end]; s != nil {
			c.ends = append(c.ends, s)
		}
	}
	mark := f.Mark & redirect.MarkMask
	knock := client.local.Addr() == redirect.Knock // of a keeper: closed, whether somebody accepts it or not
	marked := mark == redirect.MarkCaptured || mark == redirect.MarkReply
	listening := sockets[server] != nil && redirect.Ports{}.Contains(server.local.Port())
	return c, len(c.ends) > 0 && !knock && (marked || listening || moved(client, server))
}

// moved is a connection that nobody captured, but that would end with our rules: NAT gave it
// another source port, because a delivery had its own. Addresses that were changed as well are
// somebody else's work.
func moved(client, server endpoints) bool {
	return client.remote == server.local && client.local.Addr() == server.remote.Addr() && client.local.Port() != server.remote.Port()
}

// sockets returns the TCP sockets of the namespace that can still carry bytes.
// Sockets that no process has any more are among them while bytes are left to
// be sent.
func (k *kernel) sockets() (map[endpoints]*netlink.Socket, error) {
	open := map[endpoints]*netlink.Socket{}
	for _, family := range []uint8{unix.AF_INET, unix.AF_INET6} {
		ss, err := settled(func() ([]*netlink.Socket, error) { return k.ip.SocketDiagTCP(family) })
		if err != nil {
			return nil, k.fail(StepCount, "among sockets", err)
		}
		for _, s := range ss {
			switch s.State {
			case netlink.TCP_TIME_WAIT, netlink.TCP_CLOSE, netlink.TCP_LISTEN:
				continue
			}
			open[endpoints{addrPort(s.ID.Source, s.ID.SourcePort), addrPort(s.ID.Destination, s.ID.DestinationPort)}] = s
		}
	}
	return open, nil
}

func addrPort(ip net.IP, port uint16) netip.AddrPort {
	a, _ := netip.AddrFromSlice(ip)
	return netip.AddrPortFrom(a.Unmap(), port)
}

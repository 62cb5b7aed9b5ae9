package rules

import (
	"encoding/binary"
	"errors"
	"fmt"
	"net"

	"github.com/vishvananda/netlink"
	"github.com/vishvananda/netlink/nl"
	"golang.org/x/sys/unix"
)

// cut resets both ends of a captured connection, whatever process holds them.
func (k *kernel) cut(c capture) error {
	for _, s := range c.ends {
		err := k.ns.Do(func() error {
			req := nl.NewNetlinkRequest(nl.SOCK_DESTROY, unix.NLM_F_ACK)
			req.AddData(destroy{s})
			_, err := req.Execute(unix.NETLINK_INET_DIAG, 0)
			return err
		})
		// Resetting one end may have been the end of the other.
		if err != nil && !errors.Is(err, unix.ENOENT) {
			id := s.ID
			return k.fail(StepCut, fmt.Sprintf("%v:%d to %v:%d", id.Source, id.SourcePort, id.Destination, id.DestinationPort), err)
		}
	}
	return nil
}

// destroy is an inet_diag_req_v2 for one socket. The library's own SocketDestroy
// knows IPv4 only.
type destroy struct{ *netlink.Socket }

func (destroy) Len() int { return 56 }

func (d destroy) Serialize() []byte {
	b := make([]byte, 0, d.Len())
	b = append(b, d.Family, unix.IPPROTO_TCP, 0, 0)
	b = binary.NativeEndian.AppendUint32(b, ^uint32(0)) // any state
	b = binary.BigEndian.AppendUint16(b, d.ID.SourcePort)
	b = binary.BigEndian.AppendUint16(b, d.ID.DestinationPort)
	b = append(b, d.address(d.ID.Source)...)
	b = append(b, d.address(d.ID.Destination)...)
	b = binary.NativeEndian.AppendUint32(b, d.ID.Interface)
	b = binary.NativeEndian.AppendUint32(b, d.ID.Cookie[0])
	return binary.NativeEndian.AppendUint32(b, d.ID.Cookie[1])
}

// address fills 16 bytes. A socket of a dual stack listener is of family IPv6
// and has IPv4 addresses in their mapped form, which net.IP has as well.
func (d destroy) address(ip net.IP) []byte {
	if d.Family == unix.AF_INET6 {
		return ip.To16()
	}
	return append(ip.To4(), make([]byte, 12)...)
}

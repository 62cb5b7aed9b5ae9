package rules

import (
	"encoding/binary"

	"github.com/google/nftables/expr"
	"github.com/mdlayher/netlink"
	"golang.org/x/sys/unix"

	"github.com/bulkhead-mesh/bulkhead/redirect"
)

// deliveryZone is the zone of conntrack in which the packets of deliveries are looked up.
// Nobody else has a pod's namespace to share, so any number but zero will do.
const deliveryZone = 1

// setOriginalZone has conntrack look a packet up in a zone of its own, but only as one that
// goes the way of its connection's first packet: replies are found in the common zone.
//
// With a zone for both ways, a delivery and a connection in plaintext between the same two
// ports could live side by side in conntrack, but neither in the application's sockets, nor
// could replies be told apart. Since both have their replies in the common zone, NAT gives
// the later one another source port, as it does where connections would otherwise be the same.
func setOriginalZone(zone uint16) []expr.Any {
	return []expr.Any{
		&expr.Immediate{Register: register, Data: binary.NativeEndian.AppendUint16(nil, zone)},
		&originalZone{expr.Ct{Key: expr.CtKeyZONE, Register: register, SourceRegister: true}},
	}
}

// originalZone is the expression that the library cannot write in full.
type originalZone struct{ expr.Ct }

// marshal writes an expression as the kernel reads it.
func marshal(e expr.Any) ([]byte, error) {
	z, ok := e.(*originalZone)
	if !ok {
		return expr.Marshal(unix.NFPROTO_INET, e)
	}
	data, err := netlink.MarshalAttributes([]netlink.Attribute{
		number(unix.NFTA_CT_KEY, uint32(z.Key)), number(unix.NFTA_CT_SREG, z.Register),
		{Type: unix.NFTA_CT_DIRECTION, Data: []byte{ipCtDirOriginal}},
	})
	if err != nil {
		return nil, err
	}
	return netlink.MarshalAttributes([]netlink.Attribute{textAttribute(unix.NFTA_EXPR_NAME, "ct"), nested(unix.NFTA_EXPR_DATA, data)})
}

// isDelivery knows deliveries by the bit of their mark that the proxy's other sockets do not have.
func isDelivery() []expr.Any {
	return []expr.Any{load(expr.MetaKeyMARK), masked(redirect.MarkDelivery|redirect.MarkMask, 0), equal(native(redirect.MarkDelivery))}
}

package rules

import (
	"encoding/binary"
	"net/netip"

	"github.com/google/nftables/expr"
	"golang.org/x/sys/unix"

	"github.com/bulkhead-mesh/bulkhead/redirect"
)

// register 1 carries every value: no rule here needs two at a time.
const register = 1

// native writes marks, which registers hold in the order of the machine.
func native(v uint32) []byte { return binary.NativeEndian.AppendUint32(nil, v) }

func equal(value []byte) *expr.Cmp {
	return &expr.Cmp{Op: expr.CmpOpEq, Register: register, Data: value}
}

func notEqual(value []byte) *expr.Cmp {
	return &expr.Cmp{Op: expr.CmpOpNeq, Register: register, Data: value}
}

func load(key expr.MetaKey) *expr.Meta { return &expr.Meta{Key: key, Register: register} }

func loadConn(key expr.CtKey) *expr.Ct { return &expr.Ct{Key: key, Register: register} }

func masked(mask, xor uint32) *expr.Bitwise {
	return &expr.Bitwise{SourceRegister: register, DestRegister: register, Len: 4, Mask: native(mask), Xor: native(xor)}
}

// interfaceName is compared in full, padding included: a shorter comparison
// would be a prefix match.
func interfaceName(name string) []byte {
	padded := make([]byte, unix.IFNAMSIZ)
	copy(padded, name)
	return padded
}

func iifIs(name string) []expr.Any {
	return []expr.Any{load(expr.MetaKeyIIFNAME), equal(interfaceName(name))}
}

func oifIs(name string) []expr.Any {
	return []expr.Any{load(expr.MetaKeyOIFNAME), equal(interfaceName(name))}
}

func oifIsNot(name string) []expr.Any {
	return []expr.Any{load(expr.MetaKeyOIFNAME), notEqual(interfaceName(name))}
}

func isTCP() []expr.Any {
	return []expr.Any{load(expr.MetaKeyL4PROTO), equal([]byte{unix.IPPROTO_TCP})}
}

func tcpTo(port uint16) []expr.Any {
	return append(isTCP(),
		&expr.Payload{DestRegister: register, Base: expr.PayloadBaseTransportHeader, Offset: 2, Len: 2},
		equal(binary.BigEndian.AppendUint16(nil, port)))
}

// Offsets of addresses in the IPv4 and IPv6 headers.
const (
	source4, destination4 = 12, 16
	source6, destination6 = 8, 24
)

func sourceIs(a netip.Addr) []expr.Any      { return addressIs(a, source4, source6) }
func destinationIs(a netip.Addr) []expr.Any { return addressIs(a, destination4, destination6) }

func addressIs(a netip.Addr, offset4, offset6 uint32) []expr.Any {
	proto, offset := byte(unix.NFPROTO_IPV4), offset4
	if a.Is6() {
		proto, offset = unix.NFPROTO_IPV6, offset6
	}
	return []expr.Any{
		load(expr.MetaKeyNFPROTO), equal([]byte{proto}),
		&expr.Payload{DestRegister: register, Base: expr.PayloadBaseNetworkHeader, Offset: offset, Len: uint32(a.BitLen() / 8)},
		equal(a.AsSlice()),
	}
}

// sourceIsNotLocal asks the routing tables without regard to marks, or the ip
// rule of replies would make every address local.
func sourceIsNotLocal() []expr.Any {
	return []expr.Any{
		&expr.Fib{Register: register, ResultADDRTYPE: true, FlagSADDR: true},
		notEqual(native(unix.RTN_LOCAL)),
	}
}

func packetMarkIs(mark uint32) []expr.Any {
	return []expr.Any{load(expr.MetaKeyMARK), masked(redirect.MarkMask, 0), equal(native(mark))}
}

func packetMarkIsNot(mark uint32) []expr.Any {
	return []expr.Any{load(expr.MetaKeyMARK), masked(redirect.MarkMask, 0), notEqual(native(mark))}
}

func connMarkIs(mark uint32) []expr.Any {
	return []expr.Any{loadConn(expr.CtKeyMARK), masked(redirect.MarkMask, 0), equal(native(mark))}
}

func connMarkIsNot(mark uint32) []expr.Any {
	return []expr.Any{loadConn(expr.CtKeyMARK), masked(redirect.MarkMask, 0), notEqual(native(mark))}
}

func isInvalid() []expr.Any {
	return []expr.Any{loadConn(expr.CtKeySTATE), masked(expr.CtStateBitINVALID, 0), notEqual(native(0))}
}

func isReply() []expr.Any {
	return []expr.Any{loadConn(expr.CtKeyDIRECTION), equal([]byte{ipCtDirReply})}
}

// Directions of linux/netfilter/nf_conntrack_tuple_common.h.
const (
	ipCtDirOriginal = 0
	ipCtDirReply    = 1
)

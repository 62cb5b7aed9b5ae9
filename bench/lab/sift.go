package lab

import (
	"encoding/binary"
	"net/netip"

	"github.com/google/nftables"
	"github.com/google/nftables/expr"
	"golang.org/x/sys/unix"

	"github.com/bulkhead-mesh/bulkhead/bench/wire"
)

// sift drops what i drops of what comes in at one end, in place of what was dropped
// before; nothing, and no table either, when i drops nothing.
func sift(e end, i wire.Impairment, spared []netip.Addr) error {
	conn := &nftables.Conn{}
	if !e.ns.IsOwn() {
		conn.NetNS = int(e.ns.File().Fd())
	}
	table := &nftables.Table{Name: "uplink " + e.name, Family: nftables.TableFamilyNetdev}
	conn.AddTable(table) // so that there is something to delete
	conn.DelTable(table)
	if i.Drops() {
		fill(conn, conn.AddTable(table), e.name, i, spared)
	}
	return conn.Flush()
}

func fill(conn *nftables.Conn, table *nftables.Table, device string, i wire.Impairment, spared []netip.Addr) {
	chain := conn.AddChain(&nftables.Chain{
		Name: "in", Table: table, Type: nftables.ChainTypeFilter,
		Hooknum: nftables.ChainHookIngress, Priority: nftables.ChainPriorityFilter, Device: device,
	})
	rule := func(verdict expr.VerdictKind, conditions ...[]expr.Any) {
		var all []expr.Any
		for _, c := range conditions {
			all = append(all, c...)
		}
		conn.AddRule(&nftables.Rule{Table: table, Chain: chain, Exprs: append(all, &expr.Verdict{Kind: verdict})})
	}
	for _, a := range spared {
		rule(expr.VerdictAccept, protocolOf(a), addressAt(a, true))
		rule(expr.VerdictAccept, protocolOf(a), addressAt(a, false))
	}
	rule(expr.VerdictAccept, meta(expr.MetaKeyL4PROTO, expr.CmpOpEq, []byte{unix.IPPROTO_ICMPV6})) // neighbours
	for _, protocol := range []uint16{unix.ETH_P_IP, unix.ETH_P_IPV6} {
		if i.Largest() > 0 {
			rule(expr.VerdictDrop, isProtocol(protocol), largerThan(i.Largest()))
		}
		if i.Lost() > 0 {
			rule(expr.VerdictDrop, isProtocol(protocol), oneIn(i.Lost()))
		}
	}
}

// register carries every value: no rule here needs two at a time.
const register = 1

func meta(key expr.MetaKey, op expr.CmpOp, value []byte) []expr.Any {
	return []expr.Any{&expr.Meta{Key: key, Register: register}, &expr.Cmp{Op: op, Register: register, Data: value}}
}

func isProtocol(p uint16) []expr.Any {
	return meta(expr.MetaKeyPROTOCOL, expr.CmpOpEq, binary.BigEndian.AppendUint16(nil, p))
}

func protocolOf(a netip.Addr) []expr.Any {
	if a.Is4() {
		return isProtocol(unix.ETH_P_IP)
	}
	return isProtocol(unix.ETH_P_IPV6)
}

// addressAt compares the source, or the destination, of an IP packet.
func addressAt(a netip.Addr, source bool) []expr.Any {
	size := uint32(a.BitLen() / 8)
	offset := uint32(12) // IPv4's source
	if a.Is6() {
		offset = 8
	}
	if !source {
		offset += size
	}
	return []expr.Any{
		&expr.Payload{DestRegister: register, Base: expr.PayloadBaseNetworkHeader, Offset: offset, Len: size},
		&expr.Cmp{Op: expr.CmpOpEq, Register: register, Data: a.AsSlice()},
	}
}

// largerThan compares numbers in the order of bytes: registers are compared as memory.
func largerThan(bytes int) []expr.Any {
	return []expr.Any{
		&expr.Meta{Key: expr.MetaKeyLEN, Register: register},
		&expr.Byteorder{SourceRegister: register, DestRegister: register, Op: expr.ByteorderHton, Len: 4, Size: 4},
		&expr.Cmp{Op: expr.CmpOpGt, Register: register, Data: binary.BigEndian.AppendUint32(nil, uint32(bytes))},
	}
}

// oneIn is true for so many percent of packets, at random.
func oneIn(percent int) []expr.Any {
	return []expr.Any{
		&expr.Numgen{Register: register, Modulus: 100, Type: unix.NFT_NG_RANDOM},
		&expr.Byteorder{SourceRegister: register, DestRegister: register, Op: expr.ByteorderHton, Len: 4, Size: 4},
		&expr.Cmp{Op: expr.CmpOpLt, Register: register, Data: binary.BigEndian.AppendUint32(nil, uint32(percent))},
	}
}

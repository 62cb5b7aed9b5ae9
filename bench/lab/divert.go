package lab

import (
	"net/netip"

	"github.com/google/nftables"
	"github.com/google/nftables/binaryutil"
	"github.com/google/nftables/expr"
	"golang.org/x/sys/unix"
)

// divertTable is of nobody else.
const divertTable = "lab_divert"

// Divert has whatever is sent from a pod to the ports of an address, from first to last,
// come out at a port of the pod itself: what capture does for a proxy that has none. The
// function that it returns undoes it.
func (l *Lab) Divert(pod string, to netip.Addr, first, last, port uint16) (undo func() error, err error) {
	ns := l.fabric.pods[pod]
	if ns == nil {
		return nil, l.unknownPod(pod)
	}
	change := func(do func(*nftables.Conn)) error {
		return at("divert", pod, ns.Do(func() error {
			c, err := nftables.New(nftables.AsLasting())
			if err != nil {
				return err
			}
			defer c.CloseLasting()
			do(c)
			return c.Flush()
		}))
	}
	t := &nftables.Table{Family: nftables.TableFamilyIPv4, Name: divertTable}
	err = change(func(c *nftables.Conn) {
		c.AddTable(t)
		chain := c.AddChain(&nftables.Chain{
			Table: t, Name: "output", Type: nftables.ChainTypeNAT, Hooknum: nftables.ChainHookOutput, Priority: nftables.ChainPriorityNATDest,
		})
		c.AddRule(&nftables.Rule{Table: t, Chain: chain, Exprs: divert(to, first, last, port)})
	})
	return func() error { return change(func(c *nftables.Conn) { c.DelTable(t) }) }, err
}

// divert is the rule: ip daddr TO tcp dport FIRST-LAST redirect to :PORT.
func divert(to netip.Addr, first, last, port uint16) []expr.Any {
	a := to.As4()
	return []expr.Any{
		&expr.Payload{DestRegister: 1, Base: expr.PayloadBaseNetworkHeader, Offset: 16, Len: 4},
		&expr.Cmp{Op: expr.CmpOpEq, Register: 1, Data: a[:]},
		&expr.Meta{Key: expr.MetaKeyL4PROTO, Register: 1},
		&expr.Cmp{Op: expr.CmpOpEq, Register: 1, Data: []byte{unix.IPPROTO_TCP}},
		&expr.Payload{DestRegister: 1, Base: expr.PayloadBaseTransportHeader, Offset: 2, Len: 2},
		&expr.Range{Op: expr.CmpOpEq, Register: 1, FromData: binaryutil.BigEndian.PutUint16(first), ToData: binaryutil.BigEndian.PutUint16(last)},
		&expr.Immediate{Register: 1, Data: binaryutil.BigEndian.PutUint16(port)},
		&expr.Redir{RegisterProtoMin: 1, Flags: unix.NF_NAT_RANGE_PROTO_SPECIFIED},
	}
}

// Ports lets a pod open so many connections one after another that a load needs: its
// client ports are all above those of data planes and applications, and are taken again at
// once.
func (l *Lab) Ports(pod string) error {
	ns := l.fabric.pods[pod]
	if ns == nil {
		return l.unknownPod(pod)
	}
	return at("ports", pod, tune(ns, []setting{{"ipv4/ip_local_port_range", "20000 65535"}, {"ipv4/tcp_tw_reuse", "1"}}))
}

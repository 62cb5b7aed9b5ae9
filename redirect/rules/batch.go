package rules

import (
	"encoding/binary"

	"github.com/google/nftables"
	"github.com/google/nftables/userdata"
	"github.com/mdlayher/netlink"
	"golang.org/x/sys/unix"
)

// A batch is sent as a whole or not at all. Nothing of it takes effect before
// all of it does.
//
// It is written here and not by the nftables library, which leaves out for which direction
// a zone of conntrack is. To send that one rule by itself would be another batch, and between
// the two a delivery would begin without its zone and be lost.
type batch struct {
	messages []netlink.Message
	err      error // of the first message that cannot be written
}

// refill flushes the chains and adds the rules, in place. Tables and chains are
// made where they are missing, and left alone where they are there.
func (b *batch) refill(t table) {
	b.newTable(t)
	for _, c := range t.chains {
		b.add(unix.NFT_MSG_NEWCHAIN, netlink.Create, b.attributes(
			textAttribute(unix.NFTA_CHAIN_TABLE, t.name), textAttribute(unix.NFTA_CHAIN_NAME, c.name),
			nested(unix.NFTA_CHAIN_HOOK, b.attributes(
				number(unix.NFTA_HOOK_HOOKNUM, uint32(*c.hook)), number(unix.NFTA_HOOK_PRIORITY, uint32(*c.priority)))),
			number(unix.NFTA_CHAIN_POLICY, uint32(nftables.ChainPolicyAccept)),
			textAttribute(unix.NFTA_CHAIN_TYPE, string(c.kind))))
	}
	b.add(unix.NFT_MSG_DELRULE, 0, b.attributes(textAttribute(unix.NFTA_RULE_TABLE, t.name)))
	for _, c := range t.chains {
		for _, r := range c.rules {
			b.add(unix.NFT_MSG_NEWRULE, netlink.Create|netlink.Append, b.attributes(
				textAttribute(unix.NFTA_RULE_TABLE, t.name), textAttribute(unix.NFTA_RULE_CHAIN, c.name),
				nested(unix.NFTA_RULE_EXPRESSIONS, b.expressions(r)),
				netlink.Attribute{Type: unix.NFTA_RULE_USERDATA, Data: r.userData()}))
		}
	}
}

// recreate clears the way for refill where somebody has changed the chains: the
// kernel does not hook a chain elsewhere. This has the gap that the package
// documentation tells of, and so is kept for what should not happen.
func (b *batch) recreate(t table) {
	b.newTable(t) // so that there is something to delete
	b.add(unix.NFT_MSG_DELTABLE, 0, b.attributes(textAttribute(unix.NFTA_TABLE_NAME, t.name)))
}

func (b *batch) newTable(t table) {
	b.add(unix.NFT_MSG_NEWTABLE, netlink.Create, b.attributes(
		textAttribute(unix.NFTA_TABLE_NAME, t.name), number(unix.NFTA_TABLE_FLAGS, 0)))
}

func (b *batch) add(kind int, flags netlink.HeaderFlags, attributes []byte) {
	b.messages = append(b.messages, message(unix.NFNL_SUBSYS_NFTABLES<<8|kind, flags, header(unix.NFPROTO_INET, 0), attributes))
}

func (b *batch) expressions(r rule) []byte {
	var list []netlink.Attribute
	for _, e := range r.exprs {
		element, err := marshal(e)
		b.note(err)
		list = append(list, nested(unix.NFTA_LIST_ELEM, element))
	}
	return b.attributes(list...)
}

func (b *batch) attributes(as ...netlink.Attribute) []byte {
	data, err := netlink.MarshalAttributes(as)
	b.note(err)
	return data
}

func (b *batch) note(err error) {
	if b.err == nil {
		b.err = err
	}
}

func message(kind int, flags netlink.HeaderFlags, header, attributes []byte) netlink.Message {
	return netlink.Message{
		Header: netlink.Header{Type: netlink.HeaderType(kind), Flags: netlink.Request | flags},
		Data:   append(header, attributes...),
	}
}

// header is the nfgenmsg that each message begins with.
func header(family byte, resource uint16) []byte {
	return binary.BigEndian.AppendUint16([]byte{family, unix.NFNETLINK_V0}, resource)
}

func textAttribute(kind uint16, text string) netlink.Attribute {
	return netlink.Attribute{Type: kind, Data: append([]byte(text), 0)}
}

func number(kind uint16, v uint32) netlink.Attribute {
	return netlink.Attribute{Type: kind, Data: binary.BigEndian.AppendUint32(nil, v)}
}

func nested(kind uint16, data []byte) netlink.Attribute {
	return netlink.Attribute{Type: unix.NLA_F_NESTED | kind, Data: data}
}

// userData is where nft keeps comments.
func (r rule) userData() []byte {
	if r.comment == "" {
		return nil
	}
	return userdata.AppendString(nil, userdata.TypeComment, r.comment)
}

package rules

import (
	"encoding/binary"

	"github.com/vishvananda/netlink/nl"
	"golang.org/x/sys/unix"

	"github.com/bulkhead-mesh/bulkhead/redirect/netns"
)

// makeDormant is `nft add table inet NAME { flags dormant; }`: the table stays,
// and its chains are unhooked.
func makeDormant(n *netns.Namespace, name string) error {
	const nftTableDormant = 1 // NFT_TABLE_F_DORMANT
	return n.Do(func() error {
		s, err := nl.Subscribe(unix.NETLINK_NETFILTER)
		if err != nil {
			return err
		}
		defer s.Close()
		table := nfRequest(unix.NFNL_SUBSYS_NFTABLES<<8|unix.NFT_MSG_NEWTABLE, unix.NFPROTO_INET, 0)
		table.Flags |= unix.NLM_F_ACK
		table.AddData(nl.NewRtAttr(unix.NFTA_TABLE_NAME, nl.ZeroTerminated(name)))
		table.AddData(nl.NewRtAttr(unix.NFTA_TABLE_FLAGS, binary.BigEndian.AppendUint32(nil, nftTableDormant)))
		var batch []byte
		for _, r := range []*nl.NetlinkRequest{
			nfRequest(unix.NFNL_MSG_BATCH_BEGIN, 0, unix.NFNL_SUBSYS_NFTABLES), table,
			nfRequest(unix.NFNL_MSG_BATCH_END, 0, unix.NFNL_SUBSYS_NFTABLES),
		} {
			batch = append(batch, r.Serialize()...)
		}
		if err := unix.Sendto(s.GetFd(), batch, 0, &unix.SockaddrNetlink{Family: unix.AF_NETLINK}); err != nil {
			return err
		}
		messages, _, err := s.Receive()
		if err != nil {
			return err
		}
		if code := int32(binary.NativeEndian.Uint32(messages[0].Data)); code != 0 {
			return unix.Errno(-code)
		}
		return nil
	})
}

func nfRequest(kind, family, resource int) *nl.NetlinkRequest {
	r := nl.NewNetlinkRequest(kind, 0)
	r.AddData(&nl.Nfgenmsg{NfgenFamily: uint8(family), ResId: binary.BigEndian.Uint16(binary.NativeEndian.AppendUint16(nil, uint16(resource)))})
	return r
}

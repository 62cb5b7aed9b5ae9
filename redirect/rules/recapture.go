package rules

import (
	"github.com/vishvananda/netlink"
	"golang.org/x/sys/unix"

	"github.com/bulkhead-mesh/bulkhead/redirect"
	"github.com/bulkhead-mesh/bulkhead/redirect/netns"
)

// Recapture installs where capture was away for a while, and has connections that were
// made meanwhile decided anew: their next packet is redirected, so they are reset. After
// Install alone they would go on past capture, in plaintext, for as long as they live.
func Recapture(n *netns.Namespace, p Plan) error {
	if err := Install(n, p); err != nil {
		return err
	}
	k, err := openKernel(n)
	if err != nil {
		return err
	}
	defer k.close()
	return k.forget()
}

// forget has conntrack forget TCP connections that are not captured. Those that need not
// be, such as probes, come out of the new decision as they went in.
func (k *kernel) forget() error {
	for _, family := range []netlink.InetFamily{unix.AF_INET, unix.AF_INET6} {
		if _, err := k.ip.ConntrackDeleteFilters(netlink.ConntrackTable, family, uncaptured{}); err != nil {
			return k.fail(StepForget, "in conntrack", err)
		}
	}
	return nil
}

// uncaptured matches what went past capture. Whatever has a port of ours is captured or a
// tunnel: the first must keep their translation, the second need none.
type uncaptured struct{}

// MatchConntrackFlow is part of netlink.CustomConntrackFilter.
func (uncaptured) MatchConntrackFlow(f *netlink.ConntrackFlow) bool {
	mark, ours := f.Mark&redirect.MarkMask, redirect.Ports{}.Contains
	return f.Forward.Protocol == unix.IPPROTO_TCP && mark != redirect.MarkCaptured && mark != redirect.MarkReply &&
		!ours(f.Forward.DstPort) && !ours(f.Reverse.SrcPort)
}

package rules

import (
	"errors"

	"github.com/vishvananda/netlink"
	"golang.org/x/sys/unix"

	"github.com/bulkhead-mesh/bulkhead/redirect"
	"github.com/bulkhead-mesh/bulkhead/redirect/netns"
)

// Recapture installs where capture was away for a while, and has connections that were
// made meanwhile decided anew: their next packet is redirected, so they are reset. After
// Install alone they would go on past capture, in plaintext, for as long as they live.
//
// Rules of a proxy from before deliveries had a zone have captured all the time: they are
// completed, and nothing is reset.
func Recapture(n *netns.Namespace, p Plan) error {
	var before *Drift
	if err := Verify(n, p); err != nil && !errors.As(err, &before) {
		return err
	}
	if err := Install(n, p); err != nil || before.onlyWithoutZone() {
		return err
	}
	k, err := openKernel(n)
	if err != nil {
		return err
	}
	defer k.close()
	return k.forget(uncaptured{})
}

// forget has conntrack forget the TCP connections that which matches. What has ended
// meanwhile needs nothing.
func (k *kernel) forget(which netlink.CustomConntrackFilter) error {
	for _, family := range []netlink.InetFamily{unix.AF_INET, unix.AF_INET6} {
		_, err := settled(func() ([]uint, error) {
			n, err := k.ip.ConntrackDeleteFilters(netlink.ConntrackTable, family, which)
			return []uint{n}, err
		})
		if err != nil {
			return k.fail(StepForget, "in conntrack", err)
		}
	}
	return nil
}

// uncaptured matches what went past capture. Those that need not be captured, such as
// probes, come out of a new decision as they went in.
type uncaptured struct{}

// MatchConntrackFlow is part of netlink.CustomConntrackFilter.
func (uncaptured) MatchConntrackFlow(f *netlink.ConntrackFlow) bool {
	return f.Forward.Protocol == unix.IPPROTO_TCP && !ours(f)
}

// translated matches what is captured, or was: an entry whose end conntrack did not see
// lives for days, and leads the next connection between the same two ports to where nobody
// listens any more.
type translated struct{}

// MatchConntrackFlow is part of netlink.CustomConntrackFilter.
func (translated) MatchConntrackFlow(f *netlink.ConntrackFlow) bool {
	return f.Forward.Protocol == unix.IPPROTO_TCP && ours(f)
}

// ours is a connection that is captured, or a tunnel, which needs no translation.
func ours(f *netlink.ConntrackFlow) bool {
	mark, port := f.Mark&redirect.MarkMask, redirect.Ports{}.Contains
	return mark == redirect.MarkCaptured || mark == redirect.MarkReply || port(f.Forward.DstPort) || port(f.Reverse.SrcPort)
}

package spoof

import (
	"errors"
	"net/netip"

	"github.com/bulkhead-mesh/bulkhead/bench/lab"
	"github.com/bulkhead-mesh/bulkhead/bench/theft/attack"
	"github.com/bulkhead-mesh/bulkhead/bench/trust"
	"github.com/bulkhead-mesh/bulkhead/identity"
)

// Lab is what impostors need of a lab; *lab.Lab has it.
type Lab interface {
	Topology() lab.Topology
	Dir() string
	Bin(name string) string
	Sockets() map[string]string
	SidecarToken(pod string) string
	Infiltrate(pod, path string) (*lab.Intruder, error)
	Trespass(path string) (*lab.Intruder, error)
}

// errNobody is a topology that has no victim.
var errNobody = errors.New("spoof: no edge is denied in this topology, or nobody else may ask its server")

// imposture finds out who is who, without anybody's token.
func imposture(t lab.Topology) (im attack.Imposture, denied, friend lab.Pod, err error) {
	if len(t.Denied) == 0 {
		return im, denied, friend, errNobody
	}
	last := t.Denied[len(t.Denied)-1]
	denied, _ = t.Pod(last.From)
	victim, _ := t.Pod(last.To)
	for _, e := range t.Edges {
		if from, _ := t.Pod(e.From); e.To == last.To && from.Node != victim.Node {
			friend = from
		}
	}
	for _, p := range t.Pods {
		if p.Node == victim.Node && p.Name() != victim.Name() {
			im.Other = netip.AddrPortFrom(p.IPv4, lab.PagePort)
		}
	}
	if friend.App == "" || !im.Other.IsValid() {
		return im, denied, friend, errNobody
	}
	for _, n := range t.Nodes {
		if n.Name == victim.Node {
			im.Node = n.IPv4
		}
	}
	ids := make([]string, 3)
	for i, p := range []lab.Pod{victim, friend, denied} {
		id, err := identity.New(t.TrustDomain, p.Namespace, p.ServiceAccount())
		if err != nil {
			return im, denied, friend, err
		}
		ids[i] = id.String()
	}
	im.Denied = ids[2]
	im.Victim = attack.Destination{
		Workload: victim.Name(), Identity: ids[0], Address: netip.AddrPortFrom(victim.IPv4, lab.PagePort),
		As: ids[1], AsUID: friend.Name(), Source: friend.IPv4,
	}
	return im, denied, friend, nil
}

// orders are those of the outsider and of the application.
func orders(l Lab, culprit string) (outsider, application attack.Orders, err error) {
	im, denied, friend, err := imposture(l.Topology())
	if err != nil {
		return outsider, application, err
	}
	bare := im // an application has no token but its proxy's, which it does not see
	bare.Denied = ""
	application = attack.Orders{By: trust.ByApplication, Culprit: culprit, Imposture: &bare}
	im.AsToken, im.DeniedToken = l.SidecarToken(friend.Name()), l.SidecarToken(denied.Name())
	outsider = attack.Orders{By: attack.ByOutsider, Culprit: culprit, CA: l.Sockets()[lab.CA], Imposture: &im}
	return outsider, application, nil
}

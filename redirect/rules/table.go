package rules

import (
	"net/netip"

	"github.com/google/nftables"
	"github.com/google/nftables/expr"

	"github.com/bulkhead-mesh/bulkhead/redirect"
)

// Names of the tables, all of family inet.
const (
	captureName = "bulkhead"
	keepName    = "bulkhead-keep"
	guardName   = "bulkhead-guard"
)

// zoneChain is the chain of the keep table that tells conntrack deliveries from other connections.
const zoneChain = "zone"

// Where istio-cni has kubelet's probes come from, by SNAT in the host's netns.
var (
	probe4 = netip.MustParseAddr("169.254.7.127")
	probe6 = netip.MustParseAddr("fd16:9254:7127:1337:ffff:ffff:ffff:ffff")
)

// A table is what Install sends, Render writes and Verify expects.
type table struct {
	name   string
	chains []chain
}

type chain struct {
	name     string
	kind     nftables.ChainType
	hook     *nftables.ChainHook
	priority *nftables.ChainPriority
	rules    []rule
}

// A rule is a list of expressions, and a comment that nft shows.
type rule struct {
	exprs   []expr.Any
	comment string
}

func newRule(comment string, parts ...[]expr.Any) rule {
	r := rule{comment: comment}
	for _, p := range parts {
		r.exprs = append(r.exprs, p...)
	}
	return r
}

// captureTable redirects new connections to the listeners of one placement, or does
// what the plan says instead. The first rule that matches decides, so the exclusions come first. What comes
// over lo needs none in prerouting: output has decided for it.
func captureTable(p Plan) table {
	return table{name: captureName, chains: []chain{
		{
			name: "prerouting", kind: nftables.ChainTypeNAT,
			hook: nftables.ChainHookPrerouting, priority: nftables.ChainPriorityNATDest,
			rules: append([]rule{
				newRule("probes of kubelet", sourceIs(probe4), accept()),
				newRule("probes of kubelet", sourceIs(probe6), accept()),
			}, p.arriving()...),
		},
		{
			name: "output", kind: nftables.ChainTypeNAT,
			hook: nftables.ChainHookOutput, priority: nftables.ChainPriorityNATDest,
			rules: append([]rule{
				newRule("the pod talking to itself", oifIs("lo"), accept()),
				newRule("probes of kubelet", destinationIs(probe4), accept()),
				newRule("probes of kubelet", destinationIs(probe6), accept()),
				newRule("from the proxy", packetMarkIs(redirect.MarkProxy), accept()),
			}, p.leaving()...),
		},
	}}
}

func (p Plan) arriving() []rule {
	to := p.Ports
	switch p.Instead {
	case Closed:
		to = redirect.Ports{Plaintext: closedPort, HBONE: closedPort}
	case Passthrough:
		return []rule{newRule("tunnels from peers", tcpTo(redirect.HBONEPort), redirectTo(closedPort))}
	}
	return []rule{
		newRule("tunnels from peers", tcpTo(redirect.HBONEPort), redirectTo(to.HBONE)),
		newRule("everything else that arrives", isTCP(), redirectTo(to.Plaintext)),
	}
}

func (p Plan) leaving() []rule {
	to := p.Ports.Outbound
	switch p.Instead {
	case Closed:
		to = closedPort
	case Passthrough:
		return nil
	}
	return []rule{newRule("everything else that leaves", isTCP(), setConnMark(redirect.MarkCaptured), redirectTo(to))}
}

// keepTable holds NAT and conntrack in place for established connections, keeps
// deliveries apart from others, and leads the application's replies back to the proxy.
//
// Its NAT chains are empty on purpose: their presence keeps translation going.
// Only replies are marked: marking the proxy's own packets as well, as Istio
// does, would make the kernel route each of them twice.
func keepTable() table {
	return table{name: keepName, chains: []chain{
		{
			name: "nat-prerouting", kind: nftables.ChainTypeNAT,
			hook: nftables.ChainHookPrerouting, priority: nftables.ChainPriorityNATDest,
		},
		{
			name: "nat-output", kind: nftables.ChainTypeNAT,
			hook: nftables.ChainHookOutput, priority: nftables.ChainPriorityNATDest,
		},
		{
			// Before conntrack looks, and wherever the packet goes: over lo it keeps what was found.
			name: zoneChain, kind: nftables.ChainTypeFilter,
			hook: nftables.ChainHookOutput, priority: nftables.ChainPriorityRaw,
			rules: []rule{newRule("the proxy delivers", isDelivery(), setOriginalZone(deliveryZone))},
		},
		{
			name: "save", kind: nftables.ChainTypeFilter,
			hook: nftables.ChainHookPrerouting, priority: nftables.ChainPriorityMangle,
			rules: []rule{
				newRule("the proxy delivers", iifIs("lo"), packetMarkIs(redirect.MarkProxy), setConnMark(redirect.MarkReply)),
			},
		},
		{
			name: "restore", kind: nftables.ChainTypeRoute,
			hook: nftables.ChainHookOutput, priority: nftables.ChainPriorityMangle,
			rules: []rule{
				newRule("the application replies", isReply(), connMarkIs(redirect.MarkReply), setPacketMark(redirect.MarkReply)),
			},
		},
	}}
}

// tables returns all that a plan wants, in the order in which Render writes it.
func tables(p Plan) []table { return []table{captureTable(p), keepTable(), guardTable(false)} }

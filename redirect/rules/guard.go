package rules

import (
	"net/netip"

	"github.com/google/nftables"

	"github.com/bulkhead-mesh/bulkhead/redirect"
)

// guardTable drops captured packets that head for the wire. It hooks
// postrouting, because in output the interface is the one that was chosen
// before redirecting.
//
// Packets that conntrack takes for invalid pass by NAT and have no marks: the
// last bytes of a connection whose entry is gone, for example, when they come
// together with FIN. Whether they were captured cannot be told, so all are
// dropped but the proxy's own.
//
// With the door closed the guard also refuses deliveries that have not begun, so
// that none can slip in between the last look and removal.
func guardTable(doorClosed bool) table {
	post := chain{
		name: "postrouting", kind: nftables.ChainTypeFilter,
		hook: nftables.ChainHookPostrouting, priority: nftables.ChainPriorityFilter,
		rules: []rule{
			newRule("captured, but not by way of the proxy", oifIsNot("lo"), connMarkIs(redirect.MarkCaptured), drop()),
			newRule("reply, but not by way of the proxy", oifIsNot("lo"), connMarkIs(redirect.MarkReply), drop()),
			newRule("perhaps captured, perhaps reply", oifIsNot("lo"), isTCP(), isInvalid(), packetMarkIsNot(redirect.MarkProxy), drop()),
		},
	}
	if doorClosed {
		post.rules = append(post.rules, newRule("capture is being removed",
			oifIs("lo"), packetMarkIs(redirect.MarkProxy), connMarkIsNot(redirect.MarkReply), drop()))
	}
	return table{name: guardName, chains: []chain{post, sourceChain()}}
}

// sourceChain drops packets that leave the pod with a source that is not its
// own. The proxy needs CAP_NET_RAW to deliver with its client's address, and
// with that it, or whoever has taken it over, could send in anybody's name.
// Deliveries go over lo, so nothing that is wanted leaves with a foreign source.
//
// What is the pod's own is asked of the kernel for each packet. A list of
// addresses written at Install would be wrong as soon as the pod gets another
// one. It looks after SNAT, so that what is behind the pod (containers inside
// it, a VPN) may leave under the pod's address.
func sourceChain() chain {
	return chain{
		name: "source", kind: nftables.ChainTypeFilter,
		hook: nftables.ChainHookPostrouting, priority: nftables.ChainPriorityConntrackHelper,
		rules: []rule{
			newRule("no address yet", sourceIs(netip.IPv4Unspecified()), accept()),
			newRule("no address yet", sourceIs(netip.IPv6Unspecified()), accept()),
			newRule("in somebody else's name", oifIsNot("lo"), sourceIsNotLocal(), drop()),
		},
	}
}

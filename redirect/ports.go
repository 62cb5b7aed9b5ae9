package redirect

import "net/netip"

// Knock is where a connection comes from that only asks whether a listener works. It is
// an address of the loopback network, which nobody outside of the pod can have, and which
// nobody inside has a reason to take: such a connection is closed at once.
var Knock = netip.AddrFrom4([4]byte{127, 66, 72, 1})

// Probe is where a connection comes from that asks whether identity and policy are
// enforced, for the same reason. It is served like any other and leaves no record.
var Probe = netip.AddrFrom4([4]byte{127, 66, 72, 2})

// HBONEPort is where peers send tunnels, whatever the placement.
const HBONEPort = 15008

// Ports are where one placement listens inside a pod.
type Ports struct {
	Outbound  uint16 // connections that leave the pod
	Plaintext uint16 // connections that arrive outside a tunnel
	HBONE     uint16 // tunnels from peers
}

// The two placements' ports. They differ, so that both placements can listen in
// one pod while it moves between them.
var (
	NodePorts    = Ports{Outbound: 15001, Plaintext: 15006, HBONE: HBONEPort}
	SidecarPorts = Ports{Outbound: 16001, Plaintext: 16006, HBONE: 16008}
)

// Contains reports whether port is one of our own listening ports: p's, those
// of either placement, or HBONEPort. A destination with such a port is never
// dialled: the connection would come back to the proxy and go round for ever.
//
// Asking for p's own ports alone would not do: during a move both placements
// listen in the pod, and each must refuse to be led to the other.
func (p Ports) Contains(port uint16) bool {
	return port == HBONEPort || p.has(port) || NodePorts.has(port) || SidecarPorts.has(port)
}

func (p Ports) has(port uint16) bool {
	return port != 0 && (port == p.Outbound || port == p.Plaintext || port == p.HBONE)
}

// ProbePort is reserved: a connection to it is no connection to an application, but a
// question whether identity and policy are enforced, which the proxy itself answers.
const ProbePort = 15009

package fault

import (
	"time"

	"github.com/bulkhead-mesh/bulkhead/bench/wire"
)

// MTU makes a black hole for large packets of the uplink of the culprit's node.
var MTU = mtu{uplink{name: "mtu", effect: SiftsLink, is: wire.Limit(1000), lasts: 4 * time.Second}}

type mtu struct{ uplink }

// About is part of Fault.
func (f mtu) About() About {
	return f.about(About{
		Does:     "loses packets above 1000 bytes to and from the culprit's node, without the ICMP that says so",
		Incident: "Overlays and VPNs take bytes of each packet, and firewalls drop the ICMP that would tell: the handshake works, small answers come, a large one hangs (RFC 2923, section 2.1).",
		Source:   "https://www.rfc-editor.org/rfc/rfc2923#section-2.1",
		Expect:   "Nobody is hit: the drill's requests are small and go through tunnels that exist. A new tunnel would hang, since a certificate is larger than that.",
		Look:     "Any hit: it is a tunnel that was made anew.",
	})
}

// Describe is part of Fault.
func (f mtu) Describe(t Target) string { return f.describe(t) }

// For is part of Timed.
func (f mtu) For(d time.Duration) Fault { f.lasts = d; return f }

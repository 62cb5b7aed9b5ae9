package fault

import (
	"time"

	"github.com/bulkhead-mesh/bulkhead/bench/wire"
)

const usualLoss = 3 // percent

// Loss has the uplink of the culprit's node lose packets.
var Loss = loss{uplink{name: "loss", effect: ImpairsLink, is: wire.Loss(usualLoss), lasts: 4 * time.Second}}

type loss struct{ uplink }

// About is part of Fault.
func (f loss) About() About {
	return f.about(About{
		Does:   "loses 3 % of the packets to and from the culprit's node",
		Expect: "Requests over that link wait for a retransmission now and then, 200 ms at least. Those that share a tunnel wait together for the one packet that is missing.",
		Look:   "Late bins of flows over that link, none elsewhere, and no error: TCP repairs this.",
	})
}

// Describe is part of Fault.
func (f loss) Describe(t Target) string { return f.describe(t) }

// For is part of Timed.
func (f loss) For(d time.Duration) Fault { f.lasts = d; return f }

// Times is part of Scaled.
func (f loss) Times(n int) Fault { f.is = wire.Loss(n * usualLoss); return f }

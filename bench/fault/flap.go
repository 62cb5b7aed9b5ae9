package fault

import (
	"time"

	"github.com/bulkhead-mesh/bulkhead/bench/wire"
)

// Flap has the uplink of the culprit's node go and come, again and again. The carrier
// stays: with it the sentinels would lose the link as well.
var Flap = flap{uplink{name: "flap", effect: ImpairsLink, is: wire.Cut(), lasts: 4 * time.Second, beat: 420 * time.Millisecond}}

type flap struct{ uplink }

// About is part of Fault.
func (f flap) About() About {
	return f.about(About{
		Does:   "has the uplink of the culprit's node go and come five times in four seconds",
		Expect: "Flows over that link are late while it is gone and until TCP tries again, which it does ever more rarely. None inside a node is touched.",
		Look:   "That nothing lasts longer than the flapping: errors after its end are of tunnels that were given up for nothing, or waited for in vain.",
	})
}

// Describe is part of Fault.
func (f flap) Describe(t Target) string { return f.describe(t) }

// For is part of Timed.
func (f flap) For(d time.Duration) Fault { f.lasts = d; return f }

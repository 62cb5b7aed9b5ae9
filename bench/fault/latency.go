package fault

import (
	"time"

	"github.com/bulkhead-mesh/bulkhead/bench/wire"
)

// Latency has everything to and from the culprit's node arrive later.
var Latency = latency{uplink{name: "latency", effect: ImpairsLink, is: wire.Delay(50 * time.Millisecond), lasts: 4 * time.Second}}

type latency struct{ uplink }

// About is part of Fault.
func (f latency) About() About {
	return f.about(About{
		Does:   "has every packet to and from the culprit's node arrive 50 ms later",
		Expect: "A request over that link takes 100 ms more, a new tunnel three times as much; whether that is late depends on L. No flow inside a node or between others is touched.",
		Look:   "That nothing fails: a slow link is no reason for an error.",
	})
}

// Describe is part of Fault.
func (f latency) Describe(t Target) string { return f.describe(t) }

// For is part of Timed.
func (f latency) For(d time.Duration) Fault { f.lasts = d; return f }

// Times is part of Scaled.
func (f latency) Times(n int) Fault {
	f.is = wire.Delay(time.Duration(n) * 50 * time.Millisecond)
	return f
}

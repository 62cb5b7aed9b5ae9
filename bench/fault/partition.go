package fault

import (
	"time"

	"github.com/bulkhead-mesh/bulkhead/bench/wire"
)

// Partition cuts the culprit's node off from all others, without a word to anybody.
var Partition = partition{uplink{name: "partition", effect: PartsNode, is: wire.Cut(), lasts: 4 * time.Second}}

type partition struct{ uplink }

// About is part of Fault.
func (f partition) About() About {
	return f.about(About{
		Does:     "cuts the culprit's node off from the others, silently and both ways",
		Incident: "Routine work on optical equipment cut a hub of GitHub off from its data centre for 43 seconds; the repair took a day.",
		Source:   "https://github.blog/2018-10-30-oct21-post-incident-analysis/",
		Expect:   "Every flow between this node and another is hit, whatever the isolation and also without a mesh; none inside a node is. Control and CA are outside of the fabric and stay in reach.",
		Look:     "How long after the heal flows are still hit: old tunnels must not be waited for.",
	})
}

// Describe is part of Fault.
func (f partition) Describe(t Target) string { return f.describe(t) }

// For is part of Timed.
func (f partition) For(d time.Duration) Fault { f.lasts = d; return f }

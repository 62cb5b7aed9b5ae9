package fault

import (
	"fmt"
	"time"
)

// ControlDown kills control and the CA, and starts them again after more than half the life
// of an SVID: every proxy wants a new one meanwhile, and gets none.
var ControlDown = controlDown{outage{
	name: "control-down", of: both, kills: true, valid: true, life: 40 * time.Second, lasts: 22 * time.Second,
}}

type controlDown struct{ outage }

// For is part of Timed.
func (f controlDown) For(d time.Duration) Fault { f.lasts = d; return f }

// About is part of Fault.
func (f controlDown) About() About {
	return f.about(About{
		Does:     "kills control and the CA, and starts them again after more than half the life of an SVID",
		Incident: "A control plane goes down in an upgrade, or with its cluster's API server, and nobody learns anything or renews what he is.",
		Expect:   "Nobody is hit, in any isolation: what is known stays in force, and SVIDs last longer than the outage. What was pushed meanwhile is in force once control is back, and all SVIDs are renewed.",
		Look:     "A single error, and the checks: a push that is lost, an SVID that is not renewed.",
	})
}

// Describe is part of Fault.
func (f controlDown) Describe(Target) string {
	return fmt.Sprintf("control and the CA are down for %v; an SVID lives %v", f.lasts, f.life)
}

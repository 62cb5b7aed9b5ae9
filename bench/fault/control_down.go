package fault

import (
	"fmt"
	"time"
)

// ControlDown kills control, which is the CA, too, and starts it again after a while.
var ControlDown = controlDown{outage{name: "control-down", kills: true, lasts: 8 * time.Second}}

type controlDown struct{ outage }

// For is part of Timed.
func (f controlDown) For(d time.Duration) Fault { f.lasts = d; return f }

// About is part of Fault.
func (f controlDown) About() About {
	return f.about(About{
		Does:     "kills control, CA and discovery in one, and starts it again after a while",
		Incident: "A control plane goes down in an upgrade, or with its cluster's API server, and what is told to proxies stands still.",
		Expect:   "Nobody is hit, in any isolation: what is known stays in force, and SVIDs last longer than the outage. What was pushed meanwhile is in force once control is back.",
		Look:     "A single error, and the check: a push that is lost.",
	})
}

// Describe is part of Fault.
func (f controlDown) Describe(Target) string {
	return fmt.Sprintf("control is down for %v", f.lasts)
}

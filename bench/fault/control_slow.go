package fault

import (
	"fmt"
	"time"
)

// ControlSlow has control stand still for nine tenths of every second: streams stay
// open, and nothing comes in time.
var ControlSlow = controlSlow{outage{name: "control-slow", of: onlyDiscovery, beat: time.Second, lasts: 8 * time.Second}}

type controlSlow struct{ outage }

// For is part of Timed.
func (f controlSlow) For(d time.Duration) Fault { f.lasts = d; return f }

// About is part of Fault.
func (f controlSlow) About() About {
	return f.about(About{
		Does:     "has control stand still (SIGSTOP) for nine tenths of every second",
		Incident: "A control plane that is throttled by its CPU limit sends every push late, and proxies that wait for it wait with it.",
		Expect:   "Nobody is hit, in any isolation: no connection waits for control. What is pushed comes late, and comes.",
		Look:     "Lateness: it would say that somebody waits for control.",
	})
}

// Describe is part of Fault.
func (f controlSlow) Describe(Target) string {
	return fmt.Sprintf("control stands still for nine tenths of every %v, for %v", f.beat, f.lasts)
}

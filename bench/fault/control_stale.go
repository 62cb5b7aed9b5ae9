package fault

import (
	"fmt"
	"time"
)

// ControlStale stops control without ending it: its streams are open, and what proxies
// know grows old without anybody telling them.
var ControlStale = controlStale{outage{name: "control-stale", of: onlyDiscovery, lasts: 8 * time.Second}}

type controlStale struct{ outage }

// For is part of Timed.
func (f controlStale) For(d time.Duration) Fault { f.lasts = d; return f }

// About is part of Fault.
func (f controlStale) About() About {
	return f.about(About{
		Does:     "stops control (SIGSTOP) without ending it: streams stay open, and nothing comes",
		Incident: "A control plane that is in a deadlock keeps its connections; proxies see no error and go on with an old mesh.",
		Expect:   "Nobody is hit, in any isolation. What was pushed meanwhile is in force once control goes on.",
		Look:     "Whether anything but the check notices: a stream that is open looks like one that has nothing to say.",
	})
}

// Describe is part of Fault.
func (f controlStale) Describe(Target) string {
	return fmt.Sprintf("control stands still for %v, with its streams open", f.lasts)
}

package fault

import (
	"fmt"
	"time"
)

// CADown kills the CA for more than half the life of an SVID. Control is up, and can be
// asked and pushed to.
var CADown = caDown{outage{name: "ca-down", of: onlyCA, kills: true, valid: true, life: 40 * time.Second, lasts: 22 * time.Second}}

type caDown struct{ outage }

// For is part of Timed.
func (f caDown) For(d time.Duration) Fault { f.lasts = d; return f }

// About is part of Fault.
func (f caDown) About() About {
	return f.about(About{
		Does:     "kills the CA for more than half the life of an SVID, and starts it again",
		Incident: "A CA's backend refuses to sign for an afternoon. Proxies that throw a valid SVID away when it cannot be renewed cut themselves off.",
		Expect:   "Nobody is hit, in any isolation: an SVID is used until it ends. Once the CA is back all of them are renewed, and not all at once.",
		Look:     "A single error, and the check: an SVID that is not renewed. Whether triage names the CA while nobody is hit yet.",
	})
}

// Describe is part of Fault.
func (f caDown) Describe(Target) string {
	return fmt.Sprintf("the CA is down for %v; an SVID lives %v", f.lasts, f.life)
}

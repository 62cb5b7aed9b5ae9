package triage

import (
	"fmt"
	"strings"
	"time"
)

// caFailing is how many attempts in a row must fail: each is tried again by itself.
const caFailing = 2

// control looks at what all sources get from elsewhere: signatures, and the mesh.
func (d *diagnosis) control() {
	var ca, stale Finding
	var without, old []string
	for i := range d.now.Sources {
		s := &d.now.Sources[i]
		if c := s.Vitals.CA; c.Failing >= caFailing {
			without = append(without, s.name())
			ca.note(c.Since, fmt.Sprintf("%s: %d signatures in a row failed: %s", s.name(), c.Failing, c.Error))
			if soon := d.survival(s); soon != "" {
				ca.Evidence = append(ca.Evidence, soon)
			}
		}
		if m := s.Who.Mesh; m.Error != "" || s.Ready != "" {
			old = append(old, s.name())
			stale.note(m.Since, fmt.Sprintf("%s: %s", s.name(), strings.TrimSpace(m.Error+" "+s.Ready)))
		}
		d.expired(s)
	}
	if len(without) > 0 {
		ca.Path, ca.Class, ca.Next = Path{KindCA, "of " + strings.Join(without, ", ")}, Silent, "is the CA up, and does it know the nodes' tokens? bulkhead who says how long SVIDs last"
		d.add(ca)
	}
	if len(old) > 0 {
		stale.Path, stale.Class, stale.Next = Path{KindControl, "of " + strings.Join(old, ", ")}, Stale, "is control up, and does it take the node's token? What is known stays in force"
		d.add(stale)
	}
}

// note adds one source's evidence.
func (f *Finding) note(since time.Time, says string) {
	if f.Since.IsZero() || since.Before(f.Since) {
		f.Since = since
	}
	f.Evidence = append(f.Evidence, says)
}

// survival is when the first SVID of a source ends.
func (d *diagnosis) survival(s *Source) string {
	says, first := "", time.Time{}
	for _, c := range s.Who.Cells {
		if c.Survival != nil && (first.IsZero() || c.Survival.Until.Before(first)) {
			first = c.Survival.Until
			says = fmt.Sprintf("%s: the first SVID ends in %v: %s", s.name(), first.Sub(d.now.At).Round(time.Second), c.Survival.Identity)
		}
	}
	return says
}

// expired says whose SVID has ended: nothing new begins there.
func (d *diagnosis) expired(s *Source) {
	for _, c := range s.Who.Cells {
		if c.Survival == nil || c.Survival.Until.After(d.now.At) || c.PID == 0 {
			continue
		}
		f := Finding{
			Path: s.cellPath(c.Name), Class: Expired, Since: c.Survival.Until,
			Evidence: []string{fmt.Sprintf("the SVID of %s ended %v ago", c.Survival.Identity, d.now.At.Sub(c.Survival.Until).Round(time.Second))},
			Next:     "bulkhead who " + c.Name + "; is the CA up?",
		}
		for _, w := range c.Workloads {
			if w.Identity == c.Survival.Identity {
				f.Victims = append(f.Victims, w.UID)
			}
		}
		f.Victims = d.sharers(f.Victims)
		d.add(f)
	}
}

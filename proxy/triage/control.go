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
	ca := ofMany{Finding: Finding{Path: Path{Kind: KindCA}, Class: Silent, Next: "is the CA up, and does it know the nodes' tokens? bulkhead who says how long SVIDs last"}}
	stale := ofMany{Finding: Finding{Path: Path{Kind: KindControl}, Class: Stale, Next: "is control up, and does it take the node's token? What is known stays in force"}}
	refused := ofMany{Finding: Finding{Path: Path{Kind: KindControl}, Class: Rejected, Next: "control's log says which line or resource; the mesh before stays in force"}}
	for i := range d.now.Sources {
		s := &d.now.Sources[i]
		if c := s.Vitals.CA; c.Failing >= caFailing {
			ca.note(s, c.Since, fmt.Sprintf("%d signatures in a row failed: %s", c.Failing, c.Error))
			if soon := d.survival(s); soon != "" {
				ca.Evidence = append(ca.Evidence, soon)
			}
		}
		switch m := s.Who.Mesh; {
		case s.Ready != "" || m.Error != "" && d.now.At.Sub(m.Heard) >= staleAfter:
			stale.note(s, m.Heard, strings.TrimSpace(m.Error+" "+s.Ready))
		case m.Refused != "":
			refused.note(s, time.Time{}, m.Refused)
		}
		d.expired(s)
	}
	for _, x := range []ofMany{ca, stale, refused} {
		if len(x.who) > 0 {
			d.add(x.finding())
		}
	}
	if len(stale.who) == 0 {
		d.slowControl()
	}
}

// staleAfter is longer than a control takes that is started again.
const staleAfter = 1500 * time.Millisecond

// Signs of life of control take a millisecond; on a machine that is busy with other things
// some take a hundred, and not most of them.
const (
	controlSlow    = 200 * time.Millisecond // on average
	controlAnswers = 4
)

// slowControl says that control answers late, by all signs of life of the window.
func (d *diagnosis) slowControl() {
	late := ofMany{Finding: Finding{Path: Path{Kind: KindControl}, Class: Slow, Next: "has control the CPU that it wants? What is pushed comes late; nobody waits for it"}}
	answers, total := 0, 0.0
	for i := range d.now.Sources {
		socket, last, its := d.now.Sources[i].Socket, 0.0, 0
		for j := range d.window {
			s := d.window[j].source(socket)
			if s == nil || s.Problem != "" || s.Who.Mesh.Answered == last {
				continue
			}
			last = s.Who.Mesh.Answered
			if j > 0 { // what was before the window began is not of it
				total, its = total+last, its+1
			}
		}
		if answers += its; its > 0 && d.now.Sources[i].Problem == "" {
			late.note(&d.now.Sources[i], time.Time{}, fmt.Sprintf("the last of %d signs of life took %.0f ms", its, 1000*last))
		}
	}
	if answers >= controlAnswers && total/float64(answers) >= controlSlow.Seconds() {
		late.Evidence = append(late.Evidence, fmt.Sprintf("%d signs of life took %.0f ms on average", answers, 1000*total/float64(answers)))
		d.add(late.finding())
	}
}

// ofMany is a finding that several sources say alike.
type ofMany struct {
	Finding
	who []string
}

// note adds one source's evidence.
func (f *ofMany) note(s *Source, since time.Time, says string) {
	if f.Since.IsZero() || !since.IsZero() && since.Before(f.Since) {
		f.Since = since
	}
	f.who, f.Evidence = append(f.who, s.name()), append(f.Evidence, s.name()+": "+says)
}

func (f *ofMany) finding() Finding {
	f.Path.Name = "of " + strings.Join(f.who, ", ")
	return f.Finding
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

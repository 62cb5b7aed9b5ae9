package triage

import (
	"fmt"
	"maps"
	"slices"
	"time"

	"github.com/bulkhead-mesh/bulkhead/proxy/vitals"
)

// Connections may wait at an application's door for a moment, and on a busy machine a few
// wait at any moment.
const (
	notAccepting      = 900 * time.Millisecond
	notAcceptingLeast = 8
)

// pods looks at one pod: its rules, and its application's doors.
func (d *diagnosis) pods(s *Source, p *vitals.Pod) {
	d.capture(s, p)
	d.application(s, p)
	atDoors := func(s *Source) (n uint32) {
		if p := s.pod(p.UID); p != nil {
			n = waitingAtApplication(p)
		}
		return n
	}
	since := d.lasting(s.Socket, func(s *Source) bool { return atDoors(s) > 0 })
	if since.IsZero() || d.now.At.Sub(since) < notAccepting || atDoors(s) < notAcceptingLeast {
		return
	}
	d.add(Finding{
		Path: Path{KindApplication, p.UID}, Class: NotServing, Since: since, Victims: d.sharers([]string{p.UID}),
		Evidence: []string{fmt.Sprintf("%d connections wait at the application's own door for it to accept them", atDoors(s))},
		Next:     "kubectl logs and describe of the pod: the mesh delivers",
	})
}

// application says that whoever listened in a pod has ended: nothing else closes all sockets of a port. A successor listens by
// others within a moment, so that to look whether somebody listens would see nothing.
func (d *diagnosis) application(s *Source, p *vitals.Pod) {
	before, _ := d.before(s.Socket)
	if before == nil {
		return
	}
	was := before.pod(p.UID)
	if was == nil {
		return
	}
	ports := listeners(was)
	for _, port := range slices.Sorted(maps.Keys(ports)) {
		kept := func(p *vitals.Pod) bool {
			return slices.ContainsFunc(listeners(p)[port], func(x uint32) bool { return slices.Contains(ports[port], x) })
		}
		if kept(p) {
			continue
		}
		evidence := fmt.Sprintf("nobody listens at its port %d any more", port)
		if len(listeners(p)[port]) > 0 {
			evidence = fmt.Sprintf("whoever listened at its port %d has ended, and somebody else listens there", port)
		}
		since := d.lasting(s.Socket, func(s *Source) bool {
			p := s.pod(p.UID)
			return p != nil && !kept(p)
		})
		d.add(Finding{
			Path: Path{KindApplication, p.UID}, Class: Gone, Since: since, Victims: d.sharers([]string{p.UID}),
			Evidence: []string{evidence}, Next: "kubectl describe of the pod: why its container ended (OOMKilled?); the mesh delivers",
		})
		return // one is enough
	}
}

// listeners are the sockets of the application's doors, by port. Those that are not known are nobody's.
func listeners(p *vitals.Pod) map[uint16][]uint32 {
	all := map[uint16][]uint32{}
	for _, door := range p.Doors {
		if !vitals.OurPort(door.Port) && door.Socket != 0 {
			all[door.Port] = append(all[door.Port], door.Socket)
		}
	}
	return all
}

// capture says that somebody else changed a pod's rules, whether or not they are back.
func (d *diagnosis) capture(s *Source, p *vitals.Pod) {
	back, since := d.rose(s.Socket, func(s *Source) float64 {
		if p := s.pod(p.UID); p != nil {
			return float64(p.Recapture)
		}
		return 0
	})
	f := Finding{Path: Path{KindCapture, p.UID}, Class: RulesGone, Since: since, Victims: []string{p.UID}, Next: "find who has CAP_NET_ADMIN in the pod and flushes rules: nft monitor"}
	if p.Rules != "" {
		f.Since = d.lasting(s.Socket, func(s *Source) bool { p := s.pod(p.UID); return p != nil && p.Rules != "" })
		f.Evidence = append(f.Evidence, "they are not what they should be: "+p.Rules)
		f.Next = "bulkhead verify; what the pod sends now may be in PLAINTEXT"
	}
	if back > 0 {
		f.Evidence = append(f.Evidence, fmt.Sprintf("the keeper put them back %.0f times: what the pod sent before that may have been in PLAINTEXT", back))
	}
	d.uncaptured(s, p, &f)
	if len(f.Evidence) > 0 {
		d.add(f)
	}
}

// uncapturedFor is more than one look: a connection may be between its two ends in one.
const uncapturedFor = 900 * time.Millisecond

// uncaptured is what a sidecar sees of rules that are gone, which it may not read.
func (d *diagnosis) uncaptured(s *Source, p *vitals.Pod, f *Finding) {
	past := d.lasting(s.Socket, func(s *Source) bool { p := s.pod(p.UID); return p != nil && p.Beside > 0 })
	if !past.IsZero() && d.now.At.Sub(past) >= uncapturedFor {
		f.Since = past
		f.Evidence = append(f.Evidence, fmt.Sprintf("%d connections of the application leave the pod past the sidecar, in PLAINTEXT if at all", p.Beside))
		f.Next = "have the pod's rules installed again, as its init container does (nft list ruleset in the pod shows them)"
	}
	deaf := d.lasting(s.Socket, func(s *Source) bool {
		p := s.pod(p.UID)
		return p != nil && p.Unreached > 0 && waitingAtApplication(p) == 0
	})
	if !deaf.IsZero() && d.now.At.Sub(deaf) >= uncapturedFor {
		f.Evidence = append(f.Evidence, fmt.Sprintf("%d connections to the application get no answer of its own kernel: nothing leads answers back", p.Unreached))
	}
}

func waitingAtApplication(p *vitals.Pod) (n uint32) {
	for _, door := range p.Doors {
		if !vitals.OurPort(door.Port) {
			n += door.Waiting
		}
	}
	return n
}

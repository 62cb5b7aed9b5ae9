package triage

import (
	"fmt"
	"time"

	"github.com/bulkhead-mesh/bulkhead/proxy/vitals"
)

// Connections may wait at an application's door for a moment, and on a busy machine a few
// wait at any moment.
const (
	notAccepting      = 900 * time.Millisecond
	notAcceptingLeast = 8
)

// pods looks at the application of a pod.
func (d *diagnosis) pods(s *Source, p *vitals.Pod) {
	atDoors := func(s *Source) (n uint32) {
		if p := s.pod(p.UID); p != nil {
			for _, door := range p.Doors {
				if !vitals.OurPort(door.Port) {
					n += door.Waiting
				}
			}
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

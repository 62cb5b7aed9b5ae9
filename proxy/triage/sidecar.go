package triage

import (
	"fmt"
	"time"

	"github.com/bulkhead-mesh/bulkhead/proxy/vitals"
)

// A sidecar's deaths are seen from outside: nobody stays to say what it died of.
const (
	wallShare    = 0.8 // of its memory limit, when it was last seen alive
	patienceOver = "deadline exceeded"
)

// sidecarRestarted: a sidecar that is another process has died, unless it says that the one before was told to end.
func (d *diagnosis) sidecarRestarted(s, before *Source) {
	f := Finding{
		Path: Path{KindCell, s.Cells[0].Name}, Class: Crash, Since: s.Vitals.Started, Victims: d.sharers(uids(before)),
		Evidence: []string{fmt.Sprintf("it is another process, since %s; the one before was from %s", s.Vitals.Started.Format("15:04:05.0"), before.Vitals.Started.Format("15:04:05.0"))},
		Next:     "kubectl logs --previous of the pod's sidecar",
	}
	if d.ended(&f, s.Socket); f.Class == Crash && s.Vitals.Before == vitals.EndedByOrder {
		f.Class, f.Next = Replaced, "nothing: the one before had been told to end"
	}
	d.add(f)
}

// ended looks at the processes of a sidecar within the window: how many ended, and how each was when
// it was last seen.
func (d *diagnosis) ended(f *Finding, socket string) {
	ends, silent := 0, time.Time{}
	var last, before *Source // the newest two answers of one process
	var at, atBefore time.Time
	end := func(by time.Time) {
		ends++
		f.atTheWall(last, before, at.Sub(atBefore), by.Sub(at))
	}
	for i := range d.window {
		o := d.window[i].source(socket)
		switch {
		case o == nil:
			continue
		case o.Problem != "":
			if silent.IsZero() {
				silent = d.window[i].At
			}
			continue
		case last != nil && !o.Vitals.Started.Equal(last.Vitals.Started):
			if silent.IsZero() {
				silent = o.Vitals.Started
			}
			end(silent)
			// Its successors remember those that were there between two looks.
			ends += max(0, restarts(o)-restarts(last)-1)
			before = nil
		default:
			before, atBefore = last, at
		}
		last, at, silent = o, d.window[i].At, time.Time{}
	}
	if !silent.IsZero() && last != nil {
		end(silent)
	}
	if ends >= loopDeaths || last != nil && len(last.Cells) > 0 && last.Cells[0].Looping {
		f.Class = CrashLoop
		f.Evidence = append(f.Evidence, fmt.Sprintf("%d processes ended in the window", ends))
	}
}

// restarts is how often a sidecar was started again, as it remembers.
func restarts(s *Source) int {
	if len(s.Cells) == 0 {
		return 0
	}
	return s.Cells[0].Restarts
}

// atTheWall looks at how a process was when it was last seen: near its wall, or on the way to it
// so fast that it was there when it ended.
func (f *Finding) atTheWall(last, before *Source, apart, later time.Duration) {
	for _, c := range last.Vitals.Cells {
		reached := float64(c.Memory)
		if before != nil && before.vitals(c.Name) != nil {
			reached += onTheWay(float64(c.Memory-before.vitals(c.Name).Memory), float64(c.MemoryMost), later.Seconds()/apart.Seconds())
		}
		if c.MemoryMost == 0 || reached < wallShare*float64(c.MemoryMost) {
			continue
		}
		f.Class = MemoryWall
		f.Evidence = append(f.Evidence, fmt.Sprintf("it had %d of %d MiB when it was last seen, and would have had %.0f MiB at its end", c.Memory>>20, c.MemoryMost>>20, reached/(1<<20)))
		f.Next = "raise the sidecar's memory limit; kubectl describe says OOMKilled"
	}
}

// A process whose memory grew by so much of its wall from one look to the next was on its way there,
// and grew on for as long at most. Less than that is what a busy one needs.
const growsBy = 0.1

// onTheWay is by how much memory would have grown until a process ended, that had grown between two looks.
func onTheWay(grew, wall, times float64) float64 {
	if grew < growsBy*wall {
		return 0
	}
	return grew * min(times, 1)
}

package triage

import "fmt"

// A workload takes a cell's descriptors when they rise by a number that matters, to several
// times what they were, and most of them are connections at its pod.
const (
	takesLeast = 500
	takesTimes = 5
	takesMost  = 0.6
)

func (d *diagnosis) taken(s *Source, c *Cell) {
	before, at := d.before(s.Socket)
	if before == nil {
		return
	}
	was, v := before.vitals(c.Name), s.vitals(c.Name)
	if was == nil || was.PID != v.PID || was.Files == 0 {
		return
	}
	rose := v.Files - was.Files
	if rose < takesLeast || v.Files < takesTimes*was.Files {
		return
	}
	for _, uid := range c.Workloads {
		p, then := s.pod(uid), before.pod(uid)
		if p == nil || then == nil || float64(p.Held-then.Held) < takesMost*float64(rose) {
			continue
		}
		d.add(Finding{
			Path: Path{KindWorkload, uid}, Class: Descriptors, Since: at, Victims: []string{uid},
			Evidence: []string{fmt.Sprintf("the descriptors of its cell rose from %d to %d of %d, and connections at its pod from %d to %d", was.Files, v.Files, v.FilesMost, then.Held, p.Held)},
			Next:     "budgets of the node bound what one workload takes; bulkhead move " + uid + " --to workload, when others share its cell",
		})
	}
}

// A cell is on the way to its memory wall when within a window a good part of it was taken, and half
// of it is gone. What a busy cell needs comes slower, or ends below.
const (
	fillsBy = 0.25
	fillsTo = 0.5
)

func (d *diagnosis) filling(s *Source, c *Cell, path Path) {
	before, at := d.before(s.Socket)
	if before == nil {
		return
	}
	was, v := before.vitals(c.Name), s.vitals(c.Name)
	passed := d.now.At.Sub(at).Seconds()
	if was == nil || was.PID != v.PID || v.MemoryMost == 0 || was.Memory == 0 || passed <= 0 {
		return
	}
	grew, wall := float64(v.Memory-was.Memory), float64(v.MemoryMost)
	if grew < fillsBy*wall || float64(v.Memory) < fillsTo*wall {
		return
	}
	d.add(Finding{
		Path: path, Class: MemoryWall, Since: at, Victims: d.sharers(c.Workloads),
		Evidence: []string{fmt.Sprintf("it has %d of %d MiB, %.0f MiB more than %.1f s ago: at its wall in %.0f s", v.Memory>>20, v.MemoryMost>>20, grew/(1<<20), passed, (wall-float64(v.Memory))*passed/grew)},
		Next:     "bulkhead who " + c.Name + "; bulkhead-node replace gives it back for now",
	})
}

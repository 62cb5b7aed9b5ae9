package measure

import (
	"cmp"
	"time"
)

// Full is the share of the machine's CPUs from which on they count as full: then somebody
// waits for one however the proxies are divided.
const Full = 0.95

// MachineEvery is how often a drill reads the machine: idle time comes in ticks of 10 ms.
const MachineEvery = 500 * time.Millisecond

// Machine is what the CPUs that a lab may use had done at one time, since the machine started.
type Machine struct {
	T      int64 `json:"t"`
	Idle   int64 `json:"idle"`             // nanoseconds, summed over the CPUs
	CPUs   int   `json:"cpus,omitempty"`   // how many; 0, in records from before: those of Host
	Waited int64 `json:"waited,omitempty"` // in which at least one task waited for a CPU (PSI); 0: the kernel does not say
}

// CPUs is how busy the machine was in a segment, and how much of what bystanders suffered
// lies where it was full. A bad bin in there may be the fault's, or want of CPU: all nodes
// of a lab share the CPUs with its load, which real nodes do not.
type CPUs struct {
	Before  float64 `json:"before"`  // busy share of all CPUs in the baseline
	After   float64 `json:"after"`   // ditto, in the observation
	Waiting float64 `json:"waiting"` // share of the observation in which somebody waited for a CPU
	Bad     int     `json:"bad"`     // bad bins of bystander flows after the fault
	BadFull int     `json:"badFull"` // of them, late or out of time and planned while the CPUs were full
}

// Short says that want of CPU may explain nearly all of what bystanders suffered.
func (c *CPUs) Short() bool {
	return c != nil && c.Bad > 0 && 10*c.BadFull >= 9*c.Bad
}

// cpusOf is nil where the record has no readings of the machine.
func cpusOf(run *Run, seg *Segment) *CPUs {
	if len(seg.Machine) < 2 {
		return nil
	}
	c := &CPUs{}
	c.Before, _ = run.busy(seg.Machine, seg.T0, seg.TFault)
	c.After, c.Waiting = run.busy(seg.Machine, seg.TFault, seg.TEnd)
	return c
}

// busy is the busy share of all CPUs in [from, to), and that of the time in which somebody
// waited. A span between two readings counts as far as it lies in there.
func (r *Run) busy(all []Machine, from, to int64) (busy, waiting float64) {
	var length, idle, waited float64
	for i, m := range all[:len(all)-1] {
		next := all[i+1]
		cpus := cmp.Or(m.CPUs, r.Host.CPUs)
		within := min(next.T, to) - max(m.T, from)
		if within <= 0 || cpus < 1 || next.CPUs != m.CPUs { // one was switched off meanwhile
			continue
		}
		part := float64(within) / float64(next.T-m.T)
		length += float64(within)
		idle += part * float64(next.Idle-m.Idle) / float64(cpus)
		waited += part * float64(next.Waited-m.Waited)
	}
	if length == 0 {
		return 0, 0
	}
	return share(1 - idle/length), share(waited / length)
}

func share(x float64) float64 { return min(max(x, 0), 1) }

// full says whether the CPUs were full when the request of a bin was planned.
func (r *Run) full(seg *Segment, bin int) bool {
	at := seg.TFault + int64(bin)*int64(Bin)
	for i := range max(0, len(seg.Machine)-1) {
		if from, to := seg.Machine[i].T, seg.Machine[i+1].T; at+int64(Bin) > from && at < to {
			busy, _ := r.busy(seg.Machine[i:i+2], from, to)
			if busy >= Full {
				return true
			}
		}
	}
	return false
}

// suffer adds the bad bins of a bystander flow. What is refused or reset is so by somebody:
// for want of CPU answers are late, or out of time.
func (c *CPUs) suffer(run *Run, seg *Segment, cells map[int]cell, bad []int) {
	if c == nil {
		return
	}
	for _, bin := range bad {
		c.Bad++
		if cells[bin].cut == 0 && run.full(seg, bin) {
			c.BadFull++
		}
	}
}

// validMachine: readings are in order. What they count may go back by a tick: the kernel corrects idle time.
func validMachine(all []Machine) bool {
	var last int64
	for _, m := range all {
		if m.T < last || min(m.Idle, m.Waited) < 0 || m.CPUs < 0 || max(m.T, m.Idle, m.Waited) > maxTime {
			return false
		}
		last = m.T
	}
	return true
}

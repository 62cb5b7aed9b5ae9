package measure

import (
	"strings"
	"testing"
	"time"
)

// machine gives the segment readings each half second: idle is that share of two CPUs in the
// span that begins then.
func (s *story) machine(idle func(at int64) float64) *Segment {
	s.run.Host.CPUs = 2
	seg := &s.run.Segments[0]
	sum, waited := int64(0), int64(0)
	for t := seg.T0; t <= seg.TEnd; t += int64(MachineEvery) {
		seg.Machine = append(seg.Machine, Machine{T: t, Idle: sum, Waited: waited})
		sum += int64(idle(t) * 2 * float64(MachineEvery))
		waited += int64(MachineEvery) / 4
	}
	return seg
}

func TestWhereTheMachineWasFull(t *testing.T) {
	for _, c := range []struct {
		name  string
		from  time.Duration // when the flow is late, for two bins
		idle  float64       // of the machine in the second after the fault
		bad   int
		full  int
		short bool
	}{
		{"late while full", 200 * time.Millisecond, 0, 2, 2, true},
		{"late while there was room", 200 * time.Millisecond, 0.1, 2, 0, false},
		{"late after it was full", 2 * time.Second, 0, 2, 0, false},
		{"nobody late", -1, 0, 0, 0, false},
	} {
		s := newStory(Crash)
		s.machine(func(at int64) float64 {
			if at >= tFault && at < tFault+sec {
				return c.idle
			}
			return 0.5
		})
		if c.from >= 0 {
			s.slow(2, c.from, c.from+2*Bin, 300*time.Millisecond)
		}
		o := s.judge(t).Outcomes[0]
		if o.CPUs == nil || o.CPUs.Bad != c.bad || o.CPUs.BadFull != c.full || o.CPUs.Short() != c.short {
			t.Errorf("%s: %+v", c.name, o.CPUs)
			continue
		}
		if before, after := o.CPUs.Before, o.CPUs.After; before != 0.5 || after < 0.5 || o.CPUs.Waiting != 0.25 {
			t.Errorf("%s: before %v, after %v, waiting %v", c.name, before, after, o.CPUs.Waiting)
		}
	}
}

// Busy is of the CPUs that a reading is of, and of the part of a span that lies in the phase.
func TestBusy(t *testing.T) {
	at := func(t, idle, waited int64, cpus int) Machine { return Machine{t * ms, idle * ms, cpus, waited * ms} }
	for name, c := range map[string]struct {
		all           []Machine
		busy, waiting float64
	}{
		"half of two":                     {[]Machine{at(0, 0, 0, 2), at(1000, 1000, 250, 2)}, 0.5, 0.25},
		"of eight, whatever the host has": {[]Machine{at(0, 0, 0, 8), at(1000, 6000, 0, 8)}, 0.25, 0},
		"of those of the host":            {[]Machine{at(0, 0, 0, 0), at(1000, 1000, 0, 0)}, 0.75, 0},
		"a span that begins before":       {[]Machine{at(-1000, 0, 0, 1), at(500, 1500, 0, 1), at(1000, 1500, 500, 1)}, 0.5, 0.5},
		"and one that ends after":         {[]Machine{at(0, 0, 0, 1), at(500, 500, 0, 1), at(1500, 500, 0, 1)}, 0.5, 0},
		"one was switched off":            {[]Machine{at(0, 0, 0, 2), at(500, 0, 0, 1), at(1000, 500, 0, 1)}, 0, 0},
		"none in there":                   {[]Machine{at(2000, 0, 0, 1), at(2500, 0, 0, 1)}, 0, 0},
		"two at once":                     {[]Machine{at(0, 0, 0, 1), at(0, 0, 0, 1), at(1000, 500, 0, 1)}, 0.5, 0},
	} {
		r := &Run{Host: Host{CPUs: 4}}
		if busy, waiting := r.busy(c.all, 0, 1000*ms); busy != c.busy || waiting != c.waiting {
			t.Errorf("%s: busy %v, waiting %v", name, busy, waiting)
		}
	}
}

func TestAMachineThatNobodyRead(t *testing.T) {
	s := newStory(Crash)
	s.fail(2, 0, Bin, "reset")
	if o := s.judge(t).Outcomes[0]; o.CPUs != nil || o.CPUs.Short() {
		t.Errorf("%+v", o.CPUs)
	}
}

// A finding stays one where the machine was full, and says so.
func TestAFindingSaysThatTheMachineWasFull(t *testing.T) {
	s := newStory(Crash)
	s.machine(func(int64) float64 { return 0 })
	s.slow(2, 0, 2*Bin, 300*time.Millisecond)
	res := s.judge(t)
	if len(res.Findings) != 1 || !strings.HasSuffix(res.Findings[0].Text, "; 2 of 2 bad bins of bystanders are late ones, and the CPUs were full") {
		t.Errorf("%+v", res.Findings)
	}
}

func TestReadingsOfTheMachineAreChecked(t *testing.T) {
	for name, spoil := range map[string]func(m []Machine){
		"out of order":  func(m []Machine) { m[1].T = m[0].T - 1 },
		"negative":      func(m []Machine) { m[1].Idle = -1 },
		"no CPUs":       func(m []Machine) { m[1].CPUs = -1 },
		"out of bounds": func(m []Machine) { m[1].Waited = maxTime + 1 },
	} {
		s := newStory(Crash)
		seg := s.machine(func(int64) float64 { return 0.5 })
		if err := s.run.Validate(); err != nil {
			t.Fatal(err)
		}
		spoil(seg.Machine)
		if err := s.run.Validate(); err == nil || !strings.Contains(err.Error(), "machine") {
			t.Errorf("%s: %v", name, err)
		}
	}
}

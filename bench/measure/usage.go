package measure

import (
	"cmp"
	"slices"
)

// measureUsage fills memory and CPU of all outcomes in. Memory is that right before the
// fault, which comes after the null segment of the same load: a process that has just
// started is small, and the median over both would flatter it. CPU is counted over all
// that lies between the first sample of a load and the last one before its fault, a null
// segment included: the kernel counts in ticks of 10 ms, and over a longer time those
// matter less.
func measureUsage(run *Run, outcomes []Outcome) {
	spans := loads(run)
	for i := range outcomes {
		o, seg := &outcomes[i], &run.Segments[i]
		if len(seg.Usage) < 2 {
			continue
		}
		o.PSS, o.Private = seg.Usage[1].memory()
		if cpu, requests := spans[loadOf(seg)].cpu(run); requests > 0 {
			o.Measured, o.CPUPer1k = true, per1k(cpu, requests)
		}
	}
}

// loadKey is one load on one subject.
type loadKey struct {
	subject string
	start   int64
}

func loadOf(seg *Segment) loadKey { return loadKey{seg.Subject, seg.Start} }

// usageSpan is usage between two times of a load.
type usageSpan struct {
	start         int64
	before, after Usage
}

// loads are, by load, the first usage and the last before the fault.
func loads(run *Run) map[loadKey]usageSpan {
	spans := map[loadKey]usageSpan{}
	for i := range run.Segments {
		seg := &run.Segments[i]
		if len(seg.Usage) < 2 || seg.Kind == Undone {
			continue
		}
		s := usageSpan{seg.Start, seg.Usage[0], seg.Usage[1]}
		if earlier, ok := spans[loadOf(seg)]; ok {
			s.before = earlier.before
		}
		spans[loadOf(seg)] = s
	}
	return spans
}

func (s usageSpan) cpu(run *Run) (cpu, requests int64) {
	return cpuBetween(s.before, s.after), run.requests(s.start, s.before.T, s.after.T)
}

func per1k(cpu, requests int64) float64 { return float64(cpu) / 1e6 / float64(requests) * 1000 }

// use fills in memory, of the outcome whose memory is the median, so that a report can
// split it by process, and CPU over all loads of the subject.
func (row *Row) use(run *Run, outcomes []Outcome) {
	measured := slices.DeleteFunc(slices.Clone(row.Outcomes), func(i int) bool { return len(run.Segments[i].Usage) < 2 })
	if len(measured) > 0 {
		slices.SortStableFunc(measured, func(a, b int) int { return cmp.Compare(outcomes[a].PSS, outcomes[b].PSS) })
		row.Sample = measured[(len(measured)-1)/2]
		row.PSS, row.Private = outcomes[row.Sample].PSS, outcomes[row.Sample].Private
	}
	var cpu, requests int64
	for load, s := range loads(run) {
		if load.subject == row.Subject {
			c, n := s.cpu(run)
			cpu, requests = cpu+c, requests+n
		}
	}
	if requests > 0 {
		row.Measured, row.CPUPer1k = true, per1k(cpu, requests)
	}
}

func (u Usage) memory() (pss, private int64) {
	for _, p := range u.Processes {
		pss += p.PSS
		private += p.Private
	}
	return pss, private
}

// cpuBetween sums the CPU time of the processes that are in both samples.
func cpuBetween(before, after Usage) (sum int64) {
	for _, a := range after.Processes {
		b := find(before.Processes, func(p Process) bool { return p.PID == a.PID && p.Name == a.Name })
		if b != nil {
			sum += max(0, a.CPU-b.CPU)
		}
	}
	return sum
}

// requests counts what the captured flows planned in [from, to).
func (r *Run) requests(start, from, to int64) (n int64) {
	for i := range r.Flows {
		if f := &r.Flows[i]; f.judged() {
			n += plannedIn(f, start, from, to)
		}
	}
	return n
}

package measure

import (
	"cmp"
	"slices"
)

// rows gathers outcomes by subject, in the order of the subjects, and all null
// outcomes in one more row.
func rows(run *Run, outcomes []Outcome) (all []Row, null *Row) {
	all = []Row{}
	for _, s := range run.Subjects {
		row := Row{Subject: s.Name, Outcomes: []int{}}
		for i, o := range outcomes {
			if o.Subject == s.Name && o.Kind == run.Drill {
				row.Outcomes = append(row.Outcomes, i)
			}
		}
		if len(row.Outcomes) > 0 {
			row.use(run, func(seg *Segment) bool { return seg.Subject == s.Name })
			row.Paired = paired(run, outcomes, s.Name)
			all = append(all, row)
		}
	}
	for i, o := range outcomes {
		if o.Kind == Null {
			if null == nil {
				null = &Row{Outcomes: []int{}}
			}
			null.Outcomes = append(null.Outcomes, i)
		}
	}
	return all, null
}

// use fills in memory and CPU. Memory is that right before the fault, which comes
// after the null segment of the same load: a process that has just started is
// small, and the median over both would flatter it. CPU is counted over all that
// lies between the first sample of a load and the last one before its fault, a null
// segment included: the kernel counts in ticks of 10 ms, and over a longer time
// those matter less.
func (row *Row) use(run *Run, mine func(*Segment) bool) {
	row.remember(run)
	spans := map[int64][2]Usage{} // by the start of the load
	for i := range run.Segments {
		seg := &run.Segments[i]
		if !mine(seg) || len(seg.Usage) < 2 {
			continue
		}
		before, after := seg.Usage[0], seg.Usage[1]
		if earlier, ok := spans[seg.Start]; ok {
			before = earlier[0]
		}
		spans[seg.Start] = [2]Usage{before, after}
	}
	var cpu, requests int64
	for start, s := range spans {
		cpu += cpuBetween(s[0], s[1])
		requests += run.requests(start, s[0].T, s[1].T)
	}
	if requests == 0 {
		return
	}
	row.Measured = true
	row.CPUPer1k = float64(cpu) / 1e6 / float64(requests) * 1000
}

// remember picks the outcome whose memory is the median, and takes its figures, so
// that a report can split them by process.
func (row *Row) remember(run *Run) {
	measured := slices.DeleteFunc(slices.Clone(row.Outcomes), func(i int) bool { return len(run.Segments[i].Usage) < 2 })
	if len(measured) == 0 {
		return
	}
	slices.SortStableFunc(measured, func(a, b int) int {
		x, _ := run.Segments[a].Usage[1].memory()
		y, _ := run.Segments[b].Usage[1].memory()
		return cmp.Compare(x, y)
	})
	row.Sample = measured[(len(measured)-1)/2]
	row.PSS, row.Private = run.Segments[row.Sample].Usage[1].memory()
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

package cost

// phase is a part of a turn with the looks at its ends.
type phase struct {
	from, to   int64 // the two looks
	begin, end Sample
	window     Window // of its requests
}

func (p *phase) lasted() int64 { return p.to - p.from }

func (p *phase) cpu() int64 { return p.used(func(p Process) int64 { return p.CPU }) }

// used is how much a counter of all processes grew. One that began meanwhile counts
// from zero.
func (p *phase) used(counter func(Process) int64) (total int64) {
	before := make(map[int]int64)
	for _, one := range p.begin.Procs {
		before[one.PID] = counter(one)
	}
	for _, one := range p.end.Procs {
		total += counter(one) - before[one.PID]
	}
	return total
}

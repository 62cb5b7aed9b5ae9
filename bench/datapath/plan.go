package datapath

import (
	"math/rand/v2"
	"slices"

	"github.com/bulkhead-mesh/bulkhead/bench/datapath/verdict"
)

// planned is a turn before it is run.
type planned struct {
	round   int
	row     row
	subject string
}

// turns are all of a run, of complete and valid parameters, in their order. In a row the
// subjects of a round follow one another, and their order is another in each: what slows
// the machine for a while slows neighbours, and none of them more often than the others.
func (p Params) turns() (all []planned) {
	for round := range p.Rounds {
		for i, name := range p.Rows {
			r, _ := findRow(name)
			var subjects []string
			for _, s := range p.Subjects {
				pooledRow := s == verdict.BulkheadPoolOff && !r.unpooled
				if !pooledRow && !(p.All && slices.Contains(r.without, s)) {
					subjects = append(subjects, s)
				}
			}
			random := rand.New(rand.NewPCG(uint64(p.Seed), uint64(round)<<32|uint64(i)))
			for _, k := range random.Perm(len(subjects)) {
				all = append(all, planned{round, r, subjects[k]})
			}
		}
	}
	return all
}

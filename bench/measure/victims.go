package measure

import (
	"slices"
	"strings"
)

// victims are the workloads at either end of the hit bystander flows.
func victims(run *Run, o *Outcome) []Victim {
	found := []Victim{}
	for _, id := range o.Bystanders {
		f := run.flow(id)
		ends := []string{f.Client, f.Server}
		for _, name := range slices.Compact(ends) { // a pod that talks to itself counts once
			found = addVictim(found, run.workload(name), slices.Contains(o.Down, id))
		}
	}
	slices.SortFunc(found, func(a, b Victim) int { return strings.Compare(a.Name, b.Name) })
	return found
}

func addVictim(all []Victim, w *Workload, down bool) []Victim {
	i := slices.IndexFunc(all, func(v Victim) bool { return v.Name == w.Name })
	if i < 0 {
		all = append(all, Victim{Name: w.Name, Node: w.Node})
		i = len(all) - 1
	}
	all[i].Flows++
	if down {
		all[i].Down++
	}
	return all
}

package stacks

import (
	"cmp"
	"fmt"
	"maps"
	"slices"
	"strings"
)

// Folded is a line for each stack, as flame graphs are made of.
func (p *Profile) Folded() string {
	var b strings.Builder
	for _, stack := range slices.Sorted(maps.Keys(p.stacks)) {
		fmt.Fprintf(&b, "%s %d\n", stack, p.stacks[stack])
	}
	return b.String()
}

// Top is the functions that were seen most often, as the innermost one, and anywhere in a
// stack; of each list so many.
func (p *Profile) Top(most int) string {
	self, total := make(map[string]int), make(map[string]int)
	for stack, n := range p.stacks {
		functions := strings.Split(stack, ";")
		self[functions[len(functions)-1]] += n
		slices.Sort(functions)
		for _, f := range slices.Compact(functions) { // once, also where it calls itself
			total[f] += n
		}
	}
	return fmt.Sprintf("%d samples\n\nin the function itself\n%s\nin it, or below\n%s", p.Samples, p.list(self, most), p.list(total, most))
}

func (p *Profile) list(counts map[string]int, most int) string {
	names := slices.SortedFunc(maps.Keys(counts), func(a, b string) int {
		return cmp.Or(counts[b]-counts[a], strings.Compare(a, b))
	})
	var b strings.Builder
	for _, name := range names[:min(most, len(names))] {
		fmt.Fprintf(&b, "%6.1f %%  %s\n", 100*float64(counts[name])/float64(p.Samples), name)
	}
	return b.String()
}

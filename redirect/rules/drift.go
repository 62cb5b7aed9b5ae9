package rules

import (
	"fmt"
	"slices"
	"strings"
)

// A Difference is one thing that is not as wanted. Wanted is empty for what
// should not be there, Found for what is missing.
type Difference struct{ Where, Wanted, Found string }

func (d Difference) String() string {
	switch {
	case d.Found == "":
		return fmt.Sprintf("%s: wanted `%s`, not there", d.Where, d.Wanted)
	case d.Wanted == "":
		return fmt.Sprintf("%s: found `%s`, not wanted", d.Where, d.Found)
	}
	return fmt.Sprintf("%s: wanted `%s`, found `%s`", d.Where, d.Wanted, d.Found)
}

// Drift is what Verify returns when the kernel's rules are not those of the plan.
type Drift struct {
	Namespace   string
	Differences []Difference // never empty
}

func (d *Drift) Error() string {
	lines := make([]string, len(d.Differences))
	for i, diff := range d.Differences {
		lines[i] = diff.String()
	}
	return fmt.Sprintf("capture in %s differs from what is wanted: %s", d.Namespace, strings.Join(lines, "; "))
}

// onlyWithoutZone is what the rules of an older proxy are.
func (d *Drift) onlyWithoutZone() bool {
	return d != nil && len(d.Differences) == 1 && d.Differences[0].Where == chainPlace(keepName, zoneChain) && d.Differences[0].Found == ""
}

// A state is what there is, by place. Within a place the order counts.
type state struct {
	places []string // in the order of adding
	lines  map[string][]string
}

func newState() *state { return &state{lines: map[string][]string{}} }

// add adds lines to a place, which exists from then on, even without lines.
func (s *state) add(place string, lines ...string) {
	if _, known := s.lines[place]; !known {
		s.places = append(s.places, place)
	}
	s.lines[place] = append(s.lines[place], lines...)
}

// differences compares place by place. A place of which nothing is found is
// reported by its first line only: the rest follows from it.
func differences(wanted, found *state) []Difference {
	var ds []Difference
	missing := map[string]bool{}
	for _, place := range wanted.places {
		if missing[parent(place)] {
			missing[place] = true
			continue
		}
		f, known := found.lines[place]
		if !known {
			missing[place] = true
			ds = append(ds, Difference{Where: place, Wanted: wanted.lines[place][0]})
			continue
		}
		ds = append(ds, compareLines(place, wanted.lines[place], f)...)
	}
	for _, place := range found.places {
		if _, known := wanted.lines[place]; !known {
			ds = append(ds, compareLines(place, nil, found.lines[place])...)
		}
	}
	return ds
}

// parent returns "table inet x" for "table inet x, chain y".
func parent(place string) string {
	p, _, _ := strings.Cut(place, ", ")
	return p
}

func compareLines(place string, wanted, found []string) []Difference {
	if slices.Equal(wanted, found) {
		return nil
	}
	var ds []Difference
	extra := slices.Clone(found)
	for _, w := range wanted {
		if i := slices.Index(extra, w); i >= 0 {
			extra = slices.Delete(extra, i, i+1)
			continue
		}
		ds = append(ds, Difference{Where: place, Wanted: w})
	}
	for _, f := range extra {
		ds = append(ds, Difference{Where: place, Found: f})
	}
	if len(ds) == 0 {
		ds = append(ds, Difference{place, strings.Join(wanted, " / "), strings.Join(found, " / ")})
	}
	return ds
}

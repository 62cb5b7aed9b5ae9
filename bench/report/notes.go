package report

import (
	"fmt"
	"maps"
	"slices"
	"strings"
	"time"

	"github.com/bulkhead-mesh/bulkhead/bench/measure"
)

// bystanders names the hit bystander workloads of each row, those on the culprit's
// node first: they were struck, the others only talk to them.
func (d *Document) bystanders() []string {
	lines := []string{"hit bystanders (workloads at an end of a hit flow that has neither end at the culprit; * = down)"}
	home := ""
	for _, w := range d.Run.Workloads {
		if w.Name == d.Run.Culprit {
			home = w.Node
		}
	}
	for i := range d.Result.Rows {
		row := &d.Result.Rows[i]
		here, elsewhere := d.victims(row, home)
		label := fmt.Sprintf("  %-*s  ", d.labels(), row.Subject)
		if len(here)+len(elsewhere) == 0 {
			lines = append(lines, label+"none")
			continue
		}
		lines = append(lines, wrap(label, "on "+home+": "+orNone(here))...)
		lines = append(lines, wrap(strings.Repeat(" ", len(label)), "elsewhere, through those: "+orNone(elsewhere))...)
	}
	return lines
}

// labels is the width of the longest row name.
func (d *Document) labels() (n int) {
	for _, r := range d.Result.Rows {
		n = max(n, len(r.Subject))
	}
	return n
}

// victims are the names over all repeats of a row.
func (d *Document) victims(row *measure.Row, home string) (here, elsewhere []string) {
	node, down := map[string]string{}, map[string]bool{}
	for _, o := range d.outcomes(row) {
		for _, v := range o.Victims {
			node[v.Name] = v.Node
			down[v.Name] = down[v.Name] || v.Down > 0
		}
	}
	for _, name := range slices.Sorted(maps.Keys(node)) {
		to := &elsewhere
		if node[name] == home {
			to = &here
		}
		if down[name] {
			name += "*"
		}
		*to = append(*to, name)
	}
	return here, elsewhere
}

func orNone(names []string) string {
	if len(names) == 0 {
		return "none"
	}
	return strings.Join(names, ", ")
}

// deviations lists what differs from the prediction, with the explanation that the
// record has for it, and says how often nothing did.
func (d *Document) deviations() (lines []string) {
	exact, all := 0, 0
	for i := range d.Result.Outcomes {
		o := &d.Result.Outcomes[i]
		if o.Kind == d.Run.Drill {
			all++
			if len(o.Deviations) == 0 {
				exact++
			}
		}
		for _, dev := range o.Deviations {
			lines = append(lines, wrap("  - ", d.deviation(o, dev))...)
		}
		if n := len(o.May); n > 0 {
			lines = append(lines, wrap("  - ", d.may(o))...)
		}
	}
	head := fmt.Sprintf("prediction: hit flows equal the predicted ones in %d of %d", exact, all)
	return append([]string{head}, lines...)
}

func (d *Document) deviation(o *measure.Outcome, dev measure.Deviation) string {
	what := "hit, not predicted"
	if dev.Predicted {
		what = "predicted, not hit"
	}
	return fmt.Sprintf("%s: %s: %s: %s", where(o), d.flow(dev.Flow), what, dev.Explanation)
}

// may says what became of flows about which nothing can be predicted.
func (d *Document) may(o *measure.Outcome) string {
	hit := 0
	for _, id := range o.May {
		if slices.Contains(o.Hit, id) {
			hit++
		}
	}
	return fmt.Sprintf("%s: %s may be hit or not: their connections wait for %v at least, less than L and two bins; %d of them hit",
		where(o), count(len(o.May), "flow"), time.Duration(d.Run.Segments[o.Segment].Absence), hit)
}

// where names a segment.
func where(o *measure.Outcome) string {
	name := o.Subject
	if o.Kind == measure.Null {
		name += " (null)"
	}
	if o.Repeat > 0 {
		name += fmt.Sprintf(", repeat %d", o.Repeat+1)
	}
	return name
}

func (d *Document) flow(id int) string {
	for _, f := range d.Run.Flows {
		if f.ID == id {
			return fmt.Sprintf("flow %d %s %s -> %s", id, f.Kind, f.Client, f.Server)
		}
	}
	return fmt.Sprintf("flow %d", id)
}

// notes says how the numbers were made and how far they can be trusted.
func (d *Document) notes() []string {
	res := d.Result
	lines := wrap("late: ", fmt.Sprintf("more than L = %v after the planned send (3 x the largest baseline p99, %v, and at least %v)",
		ms(res.Late), ms(res.P99), ms(measure.LateFloor)))
	lines = append(lines, wrap("noise floor: ", d.noise())...)
	lines = append(lines, wrap("void bins: ", d.void())...)
	if n := d.repeats(); n > 1 {
		lines = append(lines, fmt.Sprintf("repeats: %d of each subject; counts and recovery as ranges, error-seconds and memory as medians", n))
	}
	return lines
}

func (d *Document) noise() string {
	n := d.Result.Noise
	said := fmt.Sprintf("%s: %s, at most %s hit by lateness, %s alone",
		count(n.Nulls, "null segment"), count(n.Errors, "error"), count(n.LateHits, "flow"), count(n.LateAlone, "late bin"))
	if n.FaultFree > 0 {
		said += "; " + count(n.FaultFree, "error") + " in the baselines of the others"
	}
	for i := range d.Result.Rows {
		if low := d.belowNoise(&d.Result.Rows[i]); low != "" {
			said += "; " + low
		}
	}
	return said
}

// repeats is how often the subjects were drilled.
func (d *Document) repeats() (n int) {
	for _, r := range d.Result.Rows {
		n = max(n, len(r.Outcomes))
	}
	return n
}

// belowNoise says that a row's bystanders were hit in a way and a number that
// happens without any fault.
func (d *Document) belowNoise(row *measure.Row) string {
	for _, o := range d.outcomes(row) {
		for _, id := range o.Bystanders {
			if !slices.Contains(o.ByLateness, id) {
				return ""
			}
		}
		if n := len(o.Bystanders); n > 0 && n <= d.Result.Noise.LateHits {
			return fmt.Sprintf("%s: its %s hit are not above it", row.Subject, count(n, "bystander flow"))
		}
	}
	return ""
}

func (d *Document) void() string {
	v := d.Result.Void
	said := fmt.Sprintf("%d of %d (%.1f %%)", v.Bins, v.Total, 100*v.Share())
	if v.Errors > 0 {
		said += fmt.Sprintf("; %s in them judged for nobody", count(v.Errors, "failure"))
	}
	return said
}

// memory splits each row's memory by the role of the processes.
func (d *Document) memory() []string {
	lines := []string{"memory by role (PSS in MiB, at the end of a baseline)"}
	for i := range d.Result.Rows {
		row := &d.Result.Rows[i]
		if roles := d.roles(row); row.Measured && roles != "" {
			lines = append(lines, wrap(fmt.Sprintf("  %-*s  ", d.labels(), row.Subject), roles)...)
		}
	}
	if len(lines) == 1 {
		return []string{"memory by role: no data plane was measured"}
	}
	return lines
}

// order of roles: who carries bytes first. Others follow by name.
var order = []string{"sidecar", "cell", "keeper", "anchor"}

// roles describes the processes of a row's first outcome, such as "3 cells 30.1".
func (d *Document) roles(row *measure.Row) string {
	usage := d.Run.Segments[row.Outcomes[0]].Usage
	if len(usage) < 2 {
		return ""
	}
	number, pss := map[string]int{}, map[string]int64{}
	for _, p := range usage[1].Processes {
		number[p.Role]++
		pss[p.Role] += p.PSS
	}
	roles := slices.Sorted(maps.Keys(number))
	slices.SortStableFunc(roles, func(a, b string) int { return rank(a) - rank(b) })
	var said []string
	for _, role := range roles {
		said = append(said, fmt.Sprintf("%s %.1f", count(number[role], role), mib(pss[role])))
	}
	return strings.Join(said, ", ")
}

func rank(role string) int {
	if i := slices.Index(order, role); i >= 0 {
		return i
	}
	return len(order)
}

func ms(d time.Duration) string { return fmt.Sprintf("%.0f ms", float64(d)/1e6) }

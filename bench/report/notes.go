package report

import (
	"fmt"
	"slices"
	"time"

	"github.com/bulkhead-mesh/bulkhead/bench/measure"
)

// busy is how many times its floor L may be without a word.
const busy = 3

// notes says how the numbers were made and how far they can be trusted.
func (d *Document) notes() []string {
	res := d.Result
	lines := wrap("late: ", fmt.Sprintf("more than L = %v after the planned send (3 x the largest baseline p99, %v, and at least %v)",
		ms(res.Late), ms(res.P99), ms(measure.LateFloor)))
	if res.Late > busy*measure.LateFloor {
		lines = append(lines, fmt.Sprintf("      that is %.0f times the least: the machine was busy, and what came later by less was not seen as late",
			float64(res.Late)/float64(measure.LateFloor)))
	}
	lines = append(lines, wrap("noise floor: ", d.noise())...)
	lines = append(lines, wrap("void bins: ", d.void())...)
	if within, compared := d.Run.ClockBound(); compared {
		lines = append(lines, fmt.Sprintf("clocks: those of the samplers are within %v of the injector's", within.Round(10*time.Microsecond)))
	}
	if undone := d.undone(); undone != "" {
		lines = append(lines, wrap("after the undo: ", undone)...)
	}
	if n := d.repeats(); n > 1 {
		lines = append(lines, fmt.Sprintf("repeats: %d of each subject; counts and recovery as ranges, error-seconds and memory as medians", n))
	} else if n == 1 {
		lines = append(lines, "repeats: 1 of each subject; one run shows no spread")
	}
	return lines
}

func (d *Document) noise() string {
	n := d.Result.Noise
	if n.Nulls == 0 {
		return "there is no null segment"
	}
	said := fmt.Sprintf("%s, %s; at most %s hit by lateness, %s alone",
		count(n.Errors, "error"), d.seen(measure.SeenNull, ""), count(n.LateHits, "flow"), count(n.LateAlone, "late bin"))
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

// undone says whether the undo of the faults left anything behind.
func (d *Document) undone() string {
	all := measure.Seen{Unit: "undone segment"}
	for _, s := range d.Result.Seen {
		if s.What == measure.SeenUndone {
			all.Times, all.Of = all.Times+s.Times, all.Of+s.Of
		}
	}
	if all.Of == 0 {
		return ""
	}
	return "errors: " + all.String()
}

// seen says how often something that must not happen did.
func (d *Document) seen(what, subject string) string {
	for _, s := range d.Result.Seen {
		if s.What == what && s.Subject == subject {
			return s.String()
		}
	}
	return "nothing was tried"
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
	most := 0
	for _, o := range d.outcomes(row) {
		for _, id := range o.Bystanders {
			if !slices.Contains(o.ByLateness, id) {
				return ""
			}
		}
		most = max(most, len(o.Bystanders))
	}
	if most == 0 || most > d.Result.Noise.LateHits {
		return ""
	}
	return fmt.Sprintf("%s: its %s hit are not above it", row.Subject, count(most, "bystander flow"))
}

func (d *Document) void() string {
	v := d.Result.Void
	said := fmt.Sprintf("%d of %d (%.1f %%)", v.Bins, v.Total, 100*v.Share())
	if v.Errors > 0 {
		said += fmt.Sprintf("; %s in them judged for nobody", count(v.Errors, "failure"))
	}
	return said
}

func ms(d time.Duration) string { return fmt.Sprintf("%.0f ms", float64(d)/1e6) }

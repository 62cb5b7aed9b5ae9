package triage

import (
	"fmt"
	"slices"
	"strings"
	"time"
)

// A cell is starved when its limit kept it from a CPU for a good part of the window's end. Bursts
// are throttled a little everywhere, in 100 ms periods.
const (
	starvedShare = 0.25
	starvedSpan  = 2 * time.Second // in a long time a shortage would be diluted
	greedyShare  = 0.6             // of its limit: a neighbour's hunger or the machine's may keep it from all of that
)

func (d *diagnosis) starved(s *Source, c *Cell, path Path) {
	before, at := d.since(s.Socket, starvedSpan)
	if before == nil {
		return
	}
	was, v := before.vitals(c.Name), s.vitals(c.Name)
	passed := d.now.At.Sub(at)
	if was == nil || was.PID != v.PID || passed <= 0 {
		return
	}
	share := float64(v.Throttled-was.Throttled) / float64(passed)
	cores := float64(v.CPU-was.CPU) / float64(passed)
	if share < starvedShare && (v.CPULimit == 0 || cores < greedyShare*v.CPULimit) {
		return
	}
	d.add(Finding{
		Path: path, Class: Starved, Since: at, Victims: d.sharers(c.Workloads),
		Evidence: []string{fmt.Sprintf("of the last %v its limit of %.2f cores held it up for %.0f %%, threads added up; it used %.2f", passed.Round(100*time.Millisecond), v.CPULimit, 100*share, cores)},
		Next:     "bulkhead who " + c.Name + "; raise walls.workload.cpu, or bulkhead move the greediest workload --to workload",
	})
}

// descriptorsShare is the part of its descriptors beyond which a cell is about to have none.
const descriptorsShare = 0.9

func (d *diagnosis) descriptors(s *Source, c *Cell, path Path) {
	full := func(s *Source) bool {
		v := s.vitals(c.Name)
		return v != nil && v.FilesMost > 0 && float64(v.Files) >= descriptorsShare*float64(v.FilesMost)
	}
	since := d.lasting(s.Socket, full)
	if since.IsZero() {
		return
	}
	v := s.vitals(c.Name)
	d.add(Finding{
		Path: path, Class: Descriptors, Since: since, Victims: d.sharers(c.Workloads),
		Evidence: []string{fmt.Sprintf("it holds %d descriptors of %d", v.Files, v.FilesMost)},
		Next:     "bulkhead-node replace; raise walls.workload.files if its load needs them",
	})
}

// workloads looks for those that took more of their cell than they may, and for connections
// that panicked.
func (d *diagnosis) workloads(s *Source) {
	for _, p := range s.Pods {
		label := fmt.Sprintf("workload=%q", p.UID)
		count := func(metric string) (float64, time.Time) {
			return d.rose(s.Socket, func(s *Source) float64 { return s.sum(metric, label) })
		}
		refused, since := count("bulkhead_budget_refused_total")
		waited, sinceWaited := count("bulkhead_budget_waited_total")
		if refused+waited >= overBudgetLeast {
			if since.IsZero() {
				since = sinceWaited
			}
			d.add(Finding{
				Path: Path{KindWorkload, p.UID}, Class: OverBudget, Since: since, Victims: []string{p.UID},
				Evidence: []string{fmt.Sprintf("its budget refused %.0f and held up %.0f: %s", refused, waited, d.spent(s, label))},
				Next:     "bulkhead connections " + p.UID,
			})
		}
		d.surge(s, p)
		if n, since := count("bulkhead_panics_total"); n > 0 {
			d.add(Finding{
				Path: s.cellPath(p.Cell), Class: Panic, Since: since, Victims: []string{p.UID},
				Evidence: []string{fmt.Sprintf("%.0f connections of %s ended in a panic, which the cell survived", n, p.UID)},
				Next:     "the stack is in the node's log: report it",
			})
		}
	}
}

// overBudgetLeast is how many refusals and waits of a workload are more than a burst that
// budgets are there to smooth.
const overBudgetLeast = 20

// spent says which budgets.
func (d *diagnosis) spent(s *Source, label string) string {
	var said []string
	seen := map[string]bool{}
	for key := range s.Metrics {
		_, after, ok := strings.Cut(key, `resource="`)
		resource, _, _ := strings.Cut(after, `"`)
		if !ok || seen[resource] {
			continue
		}
		seen[resource] = true
		is := fmt.Sprintf("resource=%q", resource)
		n, _ := d.rose(s.Socket, func(s *Source) float64 {
			return s.sum("bulkhead_budget_refused_total", label, is) + s.sum("bulkhead_budget_waited_total", label, is)
		})
		if n > 0 {
			said = append(said, fmt.Sprintf("%s %.0f", resource, n))
		}
	}
	slices.Sort(said)
	return strings.Join(said, ", ")
}

// A surge is a workload with many more connections than it had in its cell's life so far.
const (
	surgeRate  = 100 // per second: less is nobody's problem
	surgeTimes = 5
	surgeLife  = 10 * time.Second // before that nobody knows what is usual
)

func (d *diagnosis) surge(s *Source, p Pod) {
	before, at := d.since(s.Socket, starvedSpan)
	c := s.cell(p.Cell)
	if before == nil || c == nil || c.Since.IsZero() || at.Sub(c.Since) < surgeLife {
		return
	}
	label := fmt.Sprintf("workload=%q", p.UID)
	opened := before.sum("bulkhead_connections_opened_total", label)
	rate := (s.sum("bulkhead_connections_opened_total", label) - opened) / d.now.At.Sub(at).Seconds()
	usual := opened / at.Sub(c.Since).Seconds()
	if rate < surgeRate || rate < surgeTimes*usual {
		return
	}
	d.add(Finding{
		Path: Path{KindWorkload, p.UID}, Class: Surge, Since: at, Victims: []string{p.UID},
		Evidence: []string{fmt.Sprintf("it opens and takes %.0f connections per second, and %.0f over its cell's life", rate, usual)},
		Next:     "bulkhead connections " + p.UID + "; bulkhead move " + p.UID + " --to workload, when others share its cell",
	})
}

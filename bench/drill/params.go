package drill

import (
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/bulkhead-mesh/bulkhead/bench/fault"
	"github.com/bulkhead-mesh/bulkhead/bench/lab"
	"github.com/bulkhead-mesh/bulkhead/bench/measure"
)

// Params is everything that decides what a drill does.
type Params struct {
	Fault    fault.Fault
	Subjects []lab.Subject // in the order of the table
	Culprit  string        // workload
	Seed     int64         // of the order and of the flows' offsets
	Repeat   int           // at least 1
	Restart  measure.Restart
	Version  string
	// Privileged says that the machine's root runs the drill. Inside the lab
	// everybody is root, so it cannot be found out there.
	Privileged bool
	Times      Times
	Load       Load
}

// Load is how much the edges carry together. Zero fields: one connection of each kind
// per edge, with a request each Times.Period.
type Load struct {
	Long int // long-lived connections
	New  int // new connections per second
}

// longLived is how many of them edge i of n has.
func (l Load) longLived(i, n int) int {
	if l.Long == 0 {
		return 1
	}
	if i < l.Long%n {
		return l.Long/n + 1
	}
	return l.Long / n
}

// longPeriod is between two requests on a long-lived connection; 0: Times.Period. Many
// connections shall be many, not a flood of requests: such a flow has no request in each
// bin, so that a failure makes it a hit and lateness does not.
func (l Load) longPeriod() int64 {
	if l.Long == 0 {
		return 0
	}
	return 5 * int64(measure.Bin)
}

// newPeriod is between two new connections of one of n edges; 0: Times.Period.
func (l Load) newPeriod(n int) int64 {
	if l.New == 0 {
		return 0
	}
	return int64(n) * int64(time.Second) / int64(l.New)
}

// Bounds of a load: a flow needs a request in each bin, and the samplers share the
// machine with what they sample.
const (
	maxLong = 800
	maxNew  = 5000
)

func (l Load) validate(edges int) error {
	least := int(time.Duration(edges) * time.Second / measure.Bin)
	switch {
	case l.Long != 0 && (l.Long < edges || l.Long > maxLong):
		return &lab.Misuse{Sentence: fmt.Sprintf("%d long-lived connections: use %d to %d, or 0 for one per edge", l.Long, edges, maxLong)}
	case l.New != 0 && (l.New < least || l.New > maxNew):
		return &lab.Misuse{Sentence: fmt.Sprintf("%d new connections per second: use %d to %d, or 0 for the usual", l.New, least, maxNew)}
	}
	return nil
}

// Modes of restart.
const (
	RestartKubelet = "kubelet" // what a kubelet restarts comes back after its back-off, cells after their keeper's
	RestartEqual   = "equal"   // everything comes back after the same delay
)

// Names of the rows of the isolation "shared".
const (
	rowAsZtunnel  = "shared (as ztunnel)"
	rowCustodyOn  = "shared (custody on)"
	rowBudgetsOff = "shared (budgets off)"
)

// DefaultIsolations are those of the usual table.
var DefaultIsolations = []string{lab.Sidecar, lab.PerWorkload, lab.Shared}

// Subjects makes the subjects of some isolations. Shared makes two: as ztunnel is,
// and with custody and liveness. An error is a *lab.Misuse.
func Subjects(isolations []string, r measure.Restart) ([]lab.Subject, error) {
	if err := checkRestart(r); err != nil {
		return nil, err
	}
	kubelet := lab.Kubelet(r.TimeScale)
	if r.Mode == RestartEqual {
		kubelet = lab.Equal(kubelet.Initial)
	}
	var all []lab.Subject
	for i, name := range isolations {
		if slices.Contains(isolations[:i], name) {
			return nil, &lab.Misuse{Sentence: fmt.Sprintf("isolation %q is given twice", name)}
		}
		s, err := lab.SubjectOf(name, kubelet)
		if err != nil {
			return nil, err
		}
		if r.Mode == RestartEqual {
			s.Cells = kubelet
		}
		if name == lab.Shared {
			all = append(all, lab.SharedAsZtunnel(kubelet))
			s.Name = rowCustodyOn
		}
		all = append(all, s)
	}
	return all, nil
}

// Over makes of each subject one for each transport, side by side; what has no tunnels stays
// one. An error is a *lab.Misuse.
func Over(transports []string, subjects []lab.Subject) (all []lab.Subject, err error) {
	for i, t := range transports {
		if slices.Contains(transports[:i], t) {
			return nil, &lab.Misuse{Sentence: fmt.Sprintf("transport %q is given twice", t)}
		}
	}
	for _, s := range subjects {
		for i, t := range transports {
			one, err := s.Over(t)
			if err != nil {
				return nil, err
			}
			if i == 0 || s.Isolation != lab.None {
				all = append(all, one)
			}
		}
	}
	return all, nil
}

// WithBudgetsOff adds a row after each of shared cells with budgets, like it but for
// them: what budgets are worth is seen side by side.
func WithBudgetsOff(subjects []lab.Subject) (all []lab.Subject) {
	for _, s := range subjects {
		all = append(all, s)
		if s.Name == rowCustodyOn {
			s.Name, s.Budgets = rowBudgetsOff, lab.BudgetsOff
			all = append(all, s)
		}
	}
	return all
}

func checkRestart(r measure.Restart) error {
	if r.Mode != RestartKubelet && r.Mode != RestartEqual {
		return &lab.Misuse{Sentence: fmt.Sprintf("restart mode %q is not known: use %s or %s", r.Mode, RestartKubelet, RestartEqual)}
	}
	if !(r.TimeScale >= 0.001 && r.TimeScale <= 1) { // also refuses NaN
		return &lab.Misuse{Sentence: fmt.Sprintf("time scale %v is outside 0.001 to 1", r.TimeScale)}
	}
	return nil
}

// Validate says what is wrong with the parameters for a topology; an error is a
// *lab.Misuse.
func (p Params) Validate(t lab.Topology) error {
	misuse := func(format string, args ...any) error { return &lab.Misuse{Sentence: fmt.Sprintf(format, args...)} }
	switch {
	case p.Fault == nil:
		return misuse("no fault given")
	case len(p.Subjects) == 0:
		return misuse("no isolation given")
	case p.Repeat < 1 || p.Repeat > 1000:
		return misuse("repeat %d is outside 1 to 1000", p.Repeat)
	case p.Times.Period <= 0 || p.Times.Period > measure.Bin:
		// A flow without a request in each bin could not be late in two bins in a row.
		return misuse("period %v is outside 0 to %v", p.Times.Period, measure.Bin)
	}
	if err := p.Load.validate(len(t.Edges)); err != nil {
		return err
	}
	var pods []string
	for _, pod := range t.Pods {
		pods = append(pods, pod.Name())
	}
	if !slices.Contains(pods, p.Culprit) {
		return misuse("culprit %q is no pod of the lab: use one of %s", p.Culprit, strings.Join(pods, ", "))
	}
	return nil
}

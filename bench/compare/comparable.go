package compare

import (
	"fmt"
	"slices"
	"time"

	"github.com/bulkhead-mesh/bulkhead/bench/measure"
)

// NotComparableError says what differs that must not.
type NotComparableError struct{ Sentence string }

func (e *NotComparableError) Error() string { return e.Sentence }

// Misuse marks the error for commands: other runs can be compared.
func (e *NotComparableError) Misuse() bool { return true }

// differ says which part of the setting of two runs is not the same.
func differ(name, what string, a, b any) error {
	return &NotComparableError{fmt.Sprintf("%s: the runs cannot be compared: another %s (%v and %v)", name, what, a, b)}
}

// same refuses two runs of which a difference would say nothing.
func same(name string, a, b *measure.Run) error {
	switch {
	case a.Drill != b.Drill:
		return differ(name, "drill", a.Drill, b.Drill)
	case a.Culprit != b.Culprit:
		return differ(name, "culprit", a.Culprit, b.Culprit)
	case a.Restart != b.Restart:
		return differ(name, "restart policy", a.Restart, b.Restart)
	case lengths(a) != lengths(b):
		return differ(name, "method", lengths(a), lengths(b))
	case a.Clean != b.Clean:
		return differ(name, "time that must be clean before a recovery is believed", a.Clean, b.Clean)
	case !slices.Equal(places(a), places(b)):
		return differ(name, "topology", count(a), count(b))
	case !slices.Equal(loads(a), loads(b)):
		return differ(name, "load", pace(a), pace(b))
	}
	return nil
}

// lengths is how long the fault and the windows around it are.
func lengths(r *measure.Run) string {
	m := r.Method
	return fmt.Sprintf("fault %v, baseline %v, null %v, at most %v after the fault",
		time.Duration(m.Lasts), time.Duration(m.Baseline), time.Duration(m.Null), time.Duration(m.Longest))
}

// sameSubject refuses two subjects with one name that are set up differently.
func sameSubject(name string, a, b measure.Subject) error {
	if a != b {
		return differ(name+", "+a.Name, "subject of this name", fmt.Sprintf("%+v", a), fmt.Sprintf("%+v", b))
	}
	return nil
}

// places is where each workload is, and as what.
func places(r *measure.Run) (all []string) {
	for _, w := range r.Workloads {
		all = append(all, fmt.Sprintf("%s %s %s %s %v", w.Name, w.Namespace, w.ServiceAccount, w.Node, w.Sentinel))
	}
	slices.Sort(all)
	return append(all, r.Nodes...)
}

func count(r *measure.Run) string {
	return fmt.Sprintf("%d nodes with %d workloads", len(r.Nodes), len(r.Workloads))
}

// loads is who asks whom how often; offsets follow from the seed.
func loads(r *measure.Run) (all []string) {
	for _, f := range r.Flows {
		all = append(all, fmt.Sprintf("%d %s %s %s %d %d %v %v", f.ID, f.Kind, f.Client, f.Server, f.Period, f.Timeout, f.Sentinel, f.Denied))
	}
	slices.Sort(all)
	return all
}

func pace(r *measure.Run) string {
	var perSecond float64
	for _, f := range r.Flows {
		perSecond += 1e9 / float64(f.Period)
	}
	return fmt.Sprintf("%d flows with %.0f requests per second", len(r.Flows), perSecond)
}

// warnings are what may be another and should be known.
func warnings(name string, a, b *measure.Run) (all []string) {
	warn := func(what string, a, b any) {
		if a != b {
			all = append(all, fmt.Sprintf("%s: another %s: %v and %v", name, what, a, b))
		}
	}
	warn("machine", fmt.Sprintf("Linux %s, %d CPUs, root %v", a.Host.Kernel, a.Host.CPUs, a.Host.Privileged),
		fmt.Sprintf("Linux %s, %d CPUs, root %v", b.Host.Kernel, b.Host.CPUs, b.Host.Privileged))
	// Words may change from one version to the next; strength is in them.
	warn("account of what the fault does", a.Method.Does, b.Method.Does)
	warn("seed", a.Seed, b.Seed)
	warn("version", a.Version, b.Version)
	return all
}

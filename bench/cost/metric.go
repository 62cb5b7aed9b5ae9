package cost

import (
	"math"
	"slices"

	"github.com/bulkhead-mesh/bulkhead/bench/load"
)

// Roles of processes, as the lab names them.
const (
	anchor  = "anchor"
	keeper  = "keeper"
	cell    = "cell"
	sidecar = "sidecar"
)

// metric is one number of a turn; none is that of the same round. NaN: it is not to
// be had.
type metric struct {
	name string // in JSON, unit included
	of   func(t, none *seen) float64
}

// metrics are all numbers of the result, in the order of the tables.
var metrics = []metric{
	{"processes", alone(func(t *seen) float64 { return float64(len(t.phase(Idle).end.Procs)) })},
	{"threads", sum(func(p Process) int64 { return int64(p.Threads) }, anchor, keeper, cell, sidecar)},
	{"pss_anchor_bytes", sum(pss, anchor)},
	{"pss_keeper_bytes", sum(pss, keeper)},
	{"pss_cells_bytes", sum(pss, cell, sidecar)},
	{"pss_bytes", sum(pss, anchor, keeper, cell, sidecar)},
	{"private_anchor_bytes", sum(private, anchor)},
	{"private_keeper_bytes", sum(private, keeper)},
	{"private_cells_bytes", sum(private, cell, sidecar)},
	{"charged_cells_bytes", alone(charged)},
	{"idle_cpu_percent", alone(func(t *seen) float64 { return 100 * ratio(t.phase(Idle).cpu(), t.phase(Idle).lasted()) })},

	{"cpu_per_1000_ns", alone(cpuPer1000)},
	{"added_p50_reused_ns", added(load.Reused, 0.5)},
	{"added_p50_new_ns", added(load.New, 0.5)},
	{"added_p99_reused_ns", added(load.Reused, 0.99)},
	{"added_p99_new_ns", added(load.New, 0.99)},
	{"first_request_first_ns", started(First)},
	{"first_request_replica_ns", started(Replica)},
	{"node_ready_ns", alone(func(t *seen) float64 { return float64(t.phase(Place).lasted()) })},

	{"streams", alone(func(t *seen) float64 { return float64(t.watchers()) })},
	{"read_bytes", alone(readForPush)},
	{"messages", alone(func(t *seen) float64 { return float64(t.phase(Push).end.Messages - t.phase(Push).begin.Messages) })},
	{"pushed_bytes", alone(func(t *seen) float64 { return float64(t.phase(Push).end.Bytes - t.phase(Push).begin.Bytes) })},
	{"csrs_at_start", alone(signed)},
	{"csrs_per_hour", alone(func(t *seen) float64 { return signed(t) * 3600e9 / float64(t.rotation) })},

	{"replaced", replacing(func(t *seen) float64 { return float64(len(t.replaced)) })},
	{"replace_ns", replacing(func(t *seen) float64 { return float64(t.phase(Replace).lasted()) })},
	{"long_lived", replacing(func(t *seen) float64 { return float64(t.phase(Replace).window.LongLived) })},
	{"cut", replacing(func(t *seen) float64 { return float64(len(t.cuts)) })},
	{"cut_within_1s", replacing(func(t *seen) float64 { return float64(most(t.cuts)) })},
	{"replace_requests", replacing(func(t *seen) float64 { return float64(t.asked) })},
	{"replace_failed_new", replacing(func(t *seen) float64 { return float64(t.unanswered[load.New]) })},
	{"replace_failed_reused", replacing(func(t *seen) float64 { return float64(t.unanswered[load.Reused]) })},
}

func pss(p Process) int64     { return p.PSS }
func private(p Process) int64 { return p.Private }

func alone(of func(*seen) float64) func(t, none *seen) float64 {
	return func(t, _ *seen) float64 { return of(t) }
}

// replacing is for what exists only where processes were replaced.
func replacing(of func(*seen) float64) func(t, none *seen) float64 {
	return func(t, _ *seen) float64 {
		if len(t.replaced) == 0 {
			return math.NaN()
		}
		return of(t)
	}
}

// sum adds up a number of the idle node's processes of some roles.
func sum(of func(Process) int64, roles ...string) func(t, none *seen) float64 {
	return func(t, _ *seen) float64 {
		var total int64
		for _, p := range t.phase(Idle).end.Procs {
			if slices.Contains(roles, p.Role) {
				total += of(p)
			}
		}
		return float64(total)
	}
}

// charged is not to be had without cgroups: no process that has one is charged nothing.
func charged(t *seen) float64 {
	total := sum(func(p Process) int64 { return p.Charge }, cell, sidecar)(t, nil)
	if total == 0 && len(t.phase(Idle).end.Procs) > 0 {
		return math.NaN()
	}
	return total
}

// added is a quantile less that of none in the same round.
func added(kind string, q float64) func(t, none *seen) float64 {
	return func(t, none *seen) float64 {
		if none == nil {
			return math.NaN()
		}
		return quantile(t.latency[kind], q) - quantile(none.latency[kind], q)
	}
}

// started is the median of a turn's starts of one kind: until one request from the
// pod and one to it have both been answered.
func started(kind string) func(t, none *seen) float64 {
	return func(t, _ *seen) float64 {
		var xs []float64
		for _, s := range t.starts {
			if s.Kind == kind {
				xs = append(xs, float64(max(s.Asked, s.Answered)))
			}
		}
		slices.Sort(xs)
		return middle(xs)
	}
}

// cpuPer1000 counts the requests that were answered in the window of the load, whose
// looks are its ends.
func cpuPer1000(t *seen) float64 {
	n := 0
	for _, l := range t.latency {
		n += len(l)
	}
	return 1000 * ratio(t.phase(Load).cpu(), int64(n))
}

// readForPush is what the watchers of the mesh read while one workload changed, less
// what they read in as long a time without a change.
func readForPush(t *seen) float64 {
	idle, push := t.phase(Idle), t.phase(Push)
	if idle.lasted() <= 0 {
		return math.NaN()
	}
	read := func(p *phase) float64 {
		return float64(p.used(func(p Process) int64 {
			if watches(p) {
				return p.Read
			}
			return 0
		}))
	}
	return max(0, read(push)-read(idle)*float64(push.lasted())/float64(idle.lasted()))
}

// watches reports whether a process reads the mesh for itself.
func watches(p Process) bool { return p.Role == keeper || p.Role == sidecar }

func (s *seen) watchers() (n int) {
	for _, p := range s.phase(Idle).end.Procs {
		if watches(p) {
			n++
		}
	}
	return n
}

func signed(t *seen) float64 { return float64(t.phase(Place).end.Signed - t.phase(Place).begin.Signed) }

func ratio(a, b int64) float64 {
	if b == 0 {
		return math.NaN()
	}
	return float64(a) / float64(b)
}

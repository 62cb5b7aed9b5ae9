package drill

import (
	"math/rand/v2"
	"net/netip"
	"runtime"
	"time"

	"golang.org/x/sys/unix"

	"github.com/bulkhead-mesh/bulkhead/bench/fault"
	"github.com/bulkhead-mesh/bulkhead/bench/lab"
	"github.com/bulkhead-mesh/bulkhead/bench/load"
	"github.com/bulkhead-mesh/bulkhead/bench/measure"
)

// plan is a run before anything happened.
func plan(p Params, t lab.Topology, id string, started time.Time) *measure.Run {
	run := &measure.Run{
		Schema: measure.Schema, ID: id, Started: started, Version: p.Version, Host: Host(p.Privileged),
		Drill: p.Fault.Name(), Culprit: p.Culprit, Seed: p.Seed, Restart: p.Restart,
		Clean: int64(p.Times.Clean), Segments: []measure.Segment{}, Method: method(p, t),
	}
	for _, n := range t.Nodes {
		run.Nodes = append(run.Nodes, n.Name)
	}
	for _, pod := range t.All() {
		run.Workloads = append(run.Workloads, measure.Workload{
			Name: pod.Name(), Namespace: pod.Namespace, ServiceAccount: pod.ServiceAccount(), Node: pod.Node,
			Addresses: pod.Addresses(), Sentinel: isSentinel(t, pod.Name()),
		})
	}
	for _, s := range p.Subjects {
		run.Subjects = append(run.Subjects, measure.Subject{
			Name: s.Name, Isolation: s.Isolation, Custody: custody(s), Liveness: s.Liveness, Budgets: budgets(s), Transport: s.Transport, Delay: int64(restartDelay(s)),
		})
	}
	run.Flows = flows(p, t)
	return run
}

func method(p Params, t lab.Topology) measure.Method {
	pod, _ := t.Pod(p.Culprit)
	return measure.Method{
		Does: p.Fault.Describe(fault.Target{Culprit: p.Culprit, Node: pod.Node}), Lasts: int64(lasting(p.Fault)),
		Baseline: int64(p.Times.Baseline), Null: int64(p.Times.Null), Longest: int64(p.Times.longest(p.Fault)),
	}
}

// flows are, for each edge, one with a connection per request and one with a long-lived
// one, or as many as the load says; and the sentinels: two between the sentinel pods, which see the machine and
// its network, and one inside each pod over loopback, which nobody captures and
// which sees that pod's sampler. Without the latter a sampler that the scheduler
// kept waiting would look like a data plane that did. Last come those that a policy
// denies.
func flows(p Params, t lab.Topology) []measure.Flow {
	// The seed is an identity of the run, not a secret.
	offsets := rand.New(rand.NewPCG(uint64(p.Seed), 0))
	var all []measure.Flow
	add := func(f measure.Flow) {
		f.ID, f.Timeout = len(all), int64(p.Times.Timeout)
		if f.Period == 0 {
			f.Period = int64(p.Times.Period)
		}
		f.Offset = offsets.Int64N(f.Period)
		all = append(all, f)
	}
	for i, e := range t.Edges {
		add(measure.Flow{Kind: load.New, Client: e.From, Server: e.To, Target: t.Target(e), Period: p.Load.newPeriod(len(t.Edges))})
		for range p.Load.longLived(i, len(t.Edges)) {
			add(measure.Flow{Kind: load.Reused, Client: e.From, Server: e.To, Target: t.Target(e), Period: p.Load.longPeriod()})
		}
	}
	if n := len(t.Sentinels); n > 1 {
		there := lab.Edge{From: t.Sentinels[0].Name(), To: t.Sentinels[n-1].Name()}
		back := lab.Edge{From: there.To, To: there.From}
		add(measure.Flow{Kind: load.New, Client: there.From, Server: there.To, Target: t.Target(there), Sentinel: true})
		add(measure.Flow{Kind: load.Reused, Client: back.From, Server: back.To, Target: t.Target(back), Sentinel: true})
	}
	for _, pod := range t.Pods {
		add(measure.Flow{Kind: load.Reused, Client: pod.Name(), Server: pod.Name(), Target: loopback, Sentinel: true})
	}
	for _, e := range t.Denied {
		add(measure.Flow{Kind: load.New, Client: e.From, Server: e.To, Target: t.Target(e), Period: int64(measure.Bin), Denied: true})
	}
	return all
}

// loopback is the load server of a pod as the pod itself reaches it.
var loopback = netip.AddrPortFrom(netip.AddrFrom4([4]byte{127, 0, 0, 1}), lab.LoadPort)

// commands are the flows as the lab starts them: with the address that the far end
// must see.
func commands(flows []measure.Flow, t lab.Topology) []lab.Flow {
	var all []lab.Flow
	for _, f := range flows {
		all = append(all, lab.Flow{From: f.Client, Flow: load.Flow{
			ID: f.ID, Kind: f.Kind, Target: f.Target,
			Period: time.Duration(f.Period), Offset: time.Duration(f.Offset), Timeout: time.Duration(f.Timeout),
			ExpectPeer: source(f, t),
		}})
	}
	return all
}

// source is the client's own address in the family of the target.
func source(f measure.Flow, t lab.Topology) netip.Addr {
	if f.Target == loopback {
		return loopback.Addr()
	}
	pod, _ := t.Pod(f.Client)
	return pod.Address(f.Target.Addr().Is6())
}

func isSentinel(t lab.Topology, name string) bool {
	for _, s := range t.Sentinels {
		if s.Name() == name {
			return true
		}
	}
	return false
}

// custody is who keeps the listening sockets; a sidecar keeps its own.
func custody(s lab.Subject) string {
	switch {
	case s.Isolation == lab.None:
		return ""
	case !s.OnNode():
		return lab.CustodyCell
	case s.Custody == "":
		return lab.CustodyAnchor
	}
	return s.Custody
}

// budgets is whether workloads that share a process have them; a sidecar has nobody to
// share with, and has the same ones.
func budgets(s lab.Subject) string {
	switch {
	case s.Isolation == lab.None:
		return ""
	case s.Budgets == lab.BudgetsOff:
		return measure.BudgetsOff
	}
	return measure.BudgetsOn
}

// Host is this machine.
func Host(privileged bool) measure.Host {
	var u unix.Utsname
	_ = unix.Uname(&u) // it has nothing to fail on; an empty name would say enough
	return measure.Host{Kernel: unix.ByteSliceToString(u.Release[:]), CPUs: runtime.NumCPU(), Privileged: privileged}
}

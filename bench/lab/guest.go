package lab

import (
	"context"
	"net/netip"
	"os"
	"time"

	"github.com/bulkhead-mesh/bulkhead/proxy/jail/cgroup"
	"github.com/bulkhead-mesh/bulkhead/redirect/netns"
)

// Guest is a program that somebody brings into a pod: what measures the data plane, or
// another proxy that is measured beside it. It has a cgroup of its own below the pod's,
// without limits, and sees the lab's files. Nothing restarts it.
type Guest struct {
	process *process
	ns      *netns.Namespace
	group   *cgroup.Group // nil: there are no cgroups
}

// Invite starts a program in a pod. in and out may be nil: nothing to read, and the log.
// An unknown pod is a *Misuse.
func (l *Lab) Invite(pod, name string, argv, env []string, in, out *os.File) (*Guest, error) {
	p, ok := l.topology.Pod(pod)
	if !ok {
		return nil, l.unknownPod(pod)
	}
	group, err := l.groups.of(p, name, wall{})
	if err != nil {
		return nil, at("cgroup", pod, err)
	}
	ns := l.fabric.pods[pod]
	c, err := l.start(program{name: "guest " + name + " " + pod, argv: argv, env: env, ns: ns, group: group, stdin: in, out: out})
	if err != nil {
		return nil, err
	}
	return &Guest{process: c, ns: ns, group: group}, nil
}

// Ended is closed when the program has ended.
func (g *Guest) Ended() <-chan struct{} { return g.process.ended }

// Failure is why the program ended, with its last words. It must have ended.
func (g *Guest) Failure() error { return at("guest", g.process.name, g.process.failure()) }

// Stop ends the program and what it started.
func (g *Guest) Stop() { g.process.stop(applicationGrace) }

// Pin has every thread of the program, and all that they start, run on one CPU.
func (g *Guest) Pin(cpu int) error {
	tree, err := readTree()
	if err != nil {
		return at("pin", g.process.name, err)
	}
	return at("pin", g.process.name, pin(tree.below(g.process.pid), cpu))
}

// CPU is what the program and all that it started have used.
func (g *Guest) CPU() (time.Duration, error) {
	if g.group != nil {
		used, err := g.group.CPU()
		return used, at("usage", g.process.name, err)
	}
	tree, err := readTree()
	if err != nil {
		return 0, at("usage", g.process.name, err)
	}
	var all time.Duration
	for _, b := range tree.below(g.process.pid) {
		all += cpuOf(b.stat.PID)
	}
	return all, nil
}

// PSS is the memory of the program and all that it started.
func (g *Guest) PSS() (int64, error) {
	tree, err := readTree()
	if err != nil {
		return 0, at("usage", g.process.name, err)
	}
	var all int64
	for _, b := range tree.below(g.process.pid) {
		rollup, err := b.proc.ProcSMapsRollup()
		if err != nil {
			return 0, at("usage", g.process.name, err)
		}
		all += int64(rollup.Pss)
	}
	return all, nil
}

// Answers returns when somebody listens at an address, as seen from the guest's pod. Then
// the program has its processes, and those too are in its cgroup that it started before it
// was there itself.
func (g *Guest) Answers(ctx context.Context, where netip.AddrPort) error {
	ctx, cancel := context.WithTimeout(ctx, serveTimeout)
	defer cancel()
	err := poll(ctx, g.process, func() (bool, error) {
		c, err := g.ns.Dial(ctx, netns.DialOptions{Remote: where})
		if err != nil {
			return false, nil // not yet: poll ends with ctx or with the process
		}
		return true, c.Close()
	})
	if err != nil || g.group == nil {
		return err
	}
	return at("cgroup", g.process.name, g.gather())
}

// gather moves everything that the program has started into its cgroup.
func (g *Guest) gather() error {
	tree, err := readTree()
	if err != nil {
		return err
	}
	for _, b := range tree.below(g.process.pid) {
		if err := g.group.Add(b.stat.PID); err != nil {
			return err
		}
	}
	return nil
}

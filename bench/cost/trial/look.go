package trial

import (
	"context"
	"slices"

	"github.com/bulkhead-mesh/bulkhead/bench/cost"
	"github.com/bulkhead-mesh/bulkhead/bench/lab"
	"github.com/bulkhead-mesh/bulkhead/bench/load"
)

// between looks at the node before and after something.
func (t *turn) between(ctx context.Context, phase string, do func() error) error {
	before, err := t.look(ctx, phase)
	if err != nil {
		return err
	}
	// A look has the keeper answer questions: its CPU clocks are read last here and
	// first below, so that the phase does not pay for them.
	if err := t.spent(&before); err != nil {
		return err
	}
	if err := t.rec.write(before); err != nil {
		return err
	}
	if err := do(); err != nil {
		return err
	}
	end := cost.Line{Sample: &cost.Sample{Phase: phase, Ends: true}}
	if err := t.spent(&end); err != nil {
		return err
	}
	after, err := t.look(ctx, phase)
	if err != nil {
		return err
	}
	after.At, after.Sample.Ends = end.At, true
	for i, p := range after.Sample.Procs {
		after.Sample.Procs[i].CPU = cpuOf(end.Sample.Procs, p.PID)
	}
	return t.rec.write(after)
}

// spent sets the time of a look, and what CPU time the processes used until then. It
// adds the processes that are not in the look.
func (t *turn) spent(l *cost.Line) error {
	l.At = load.Now()
	used, err := t.lab.CPU(lab.DenseNode)
	if err != nil {
		return err
	}
	for i, p := range l.Sample.Procs {
		l.Sample.Procs[i].CPU = int64(used[p.PID])
		delete(used, p.PID)
	}
	for pid, cpu := range used {
		l.Sample.Procs = append(l.Sample.Procs, cost.Process{PID: pid, CPU: int64(cpu)})
	}
	return nil
}

func cpuOf(all []cost.Process, pid int) int64 {
	i := slices.IndexFunc(all, func(p cost.Process) bool { return p.PID == pid })
	if i < 0 {
		return 0
	}
	return all[i].CPU
}

// look is everything that can be seen on the node under test.
func (t *turn) look(ctx context.Context, phase string) (cost.Line, error) {
	u, err := t.lab.Usage()
	if err != nil {
		return cost.Line{}, err
	}
	s := &cost.Sample{Phase: phase, Procs: []cost.Process{}}
	for _, p := range u.Procs {
		if p.Node == lab.DenseNode { // what its peer uses is the peer's
			s.Procs = append(s.Procs, cost.Process{
				PID: p.PID, Role: p.Role, Pods: len(p.Pods), PSS: p.PSS, Private: p.Private, Charge: p.Charge,
				Threads: p.Threads, Read: p.Read,
			})
		}
	}
	signed, err := t.lab.Signed()
	if err != nil {
		return cost.Line{}, err
	}
	for _, one := range signed {
		if one.Identity.Namespace() != lab.PeerNamespace {
			s.Signed++
		}
	}
	pushes, err := t.lab.Pushes(ctx, lab.DenseNode)
	s.Messages, s.Bytes = pushes.Messages, pushes.Bytes
	return cost.Line{Sample: s}, err
}

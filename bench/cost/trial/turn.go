package trial

import (
	"context"
	"errors"
	"net/netip"
	"slices"
	"time"

	"github.com/bulkhead-mesh/bulkhead/bench/cost"
	"github.com/bulkhead-mesh/bulkhead/bench/lab"
	"github.com/bulkhead-mesh/bulkhead/bench/load"
	"github.com/bulkhead-mesh/bulkhead/proxy/mesh"
)

const (
	headStart = 300 * time.Millisecond // between the order to start a load and its start
	undo      = 2 * time.Minute        // for rolling back
)

// turn is one isolation at one size, once.
type turn struct {
	*Trial
	lab       *lab.Lab
	flows     plan
	round     int
	isolation string
	tell      func(what string)
}

// run goes through all phases. Rollback happens in any case.
func (t *turn) run(ctx context.Context) error {
	if err := t.rec.write(cost.Line{Turn: &cost.Turn{Round: t.round, Isolation: t.isolation}}); err != nil {
		return err
	}
	err := t.phases(ctx)
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), undo)
	defer cancel()
	err = errors.Join(err, t.lab.StopLoad(ctx), t.lab.Displace(ctx))
	if _, e := t.lab.ChangeMesh(func(*mesh.File) {}); err == nil { // as it was
		err = e
	}
	if err == nil {
		err = t.rec.write(cost.Line{Done: true})
	}
	return err
}

func (t *turn) phases(ctx context.Context) error {
	for _, phase := range []struct {
		what string
		do   func(context.Context) error
	}{
		{"place", t.place}, {"idle", t.idle}, {"push", t.push}, {"starts", t.starts}, {"load", t.load}, {"replace", t.replace},
	} {
		t.tell(phase.what)
		if err := phase.do(ctx); err != nil {
			return err
		}
	}
	return nil
}

// place starts the data plane.
func (t *turn) place(ctx context.Context) error {
	s, err := subject(t.isolation)
	if err != nil {
		return err
	}
	return t.between(ctx, cost.Place, func() error { return t.lab.Place(ctx, s) })
}

// idle looks at the node while nobody asks anything.
func (t *turn) idle(ctx context.Context) error {
	if t.isolation != lab.None { // of nothing, nothing settles
		if err := pause(ctx, t.p.Times.Settle); err != nil {
			return err
		}
	}
	return t.between(ctx, cost.Idle, func() error { return pause(ctx, t.p.Times.Idle) })
}

// push changes the address of a workload that nobody asks. It stays changed until the
// end of the turn: changing it back would be another push in the middle of a phase.
func (t *turn) push(ctx context.Context) error {
	return t.between(ctx, cost.Push, func() error {
		if _, err := t.lab.ChangeMesh(readdress); err != nil {
			return err
		}
		return pause(ctx, t.p.Times.Push)
	})
}

func readdress(f *mesh.File) {
	for i := range f.Workloads {
		if f.Workloads[i].UID == lab.PeerIdle {
			f.Workloads[i].Addresses = []netip.Addr{netip.AddrFrom4([4]byte{10, 244, 2, 250})}
		}
	}
}

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

func pause(ctx context.Context, d time.Duration) error {
	timer := time.NewTimer(d)
	defer timer.Stop()
	select {
	case <-timer.C:
		return nil
	case <-ctx.Done():
		return ctx.Err()
	}
}

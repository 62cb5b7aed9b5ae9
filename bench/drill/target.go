package drill

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"strings"
	"time"

	"github.com/bulkhead-mesh/bulkhead/bench/crowd"
	"github.com/bulkhead-mesh/bulkhead/bench/fault"
	"github.com/bulkhead-mesh/bulkhead/bench/hog"
	"github.com/bulkhead-mesh/bulkhead/bench/lab"
	"github.com/bulkhead-mesh/bulkhead/bench/measure"
	"github.com/bulkhead-mesh/bulkhead/bench/spoof"
	"github.com/bulkhead-mesh/bulkhead/proxy/jail/cgroup"
)

// inject lets the fault strike. Where there is no data plane a fault that finds
// none has struck as it should: the isolation none is what the others are compared
// with.
func (t *turn) inject(ctx context.Context, f fault.Fault) (fault.Injected, error) {
	target := t.target(f)
	injected, err := f.Inject(ctx, target)
	var none *fault.NothingServesError
	if errors.As(err, &none) && (t.subject.Isolation == lab.None || !t.subject.OnNode() && f.Effect().OfNode()) {
		return fault.Null{}.Inject(ctx, target)
	}
	return injected, err
}

// target is what the lab offers to a fault.
func (t *turn) target(f fault.Fault) fault.Target {
	target := fault.System(t.p.Culprit, t.node(), t.serving)
	target.Now = t.now
	target.Strike = func(ctx context.Context, order string, lasts time.Duration) error {
		return t.lab.Strike(ctx, t.p.Culprit, order, lasts)
	}
	target.Calm = func(ctx context.Context) error { return t.lab.Calm(ctx, t.p.Culprit) }
	target.MemoryLimit = func() (int64, error) { return t.lab.MemoryLimit(t.p.Culprit) }
	target.Keepers = func() ([]fault.Process, error) { return targets(t.lab.Keepers()) }
	target.Anchor = func() ([]fault.Process, error) { return targets(t.lab.Anchor(t.p.Culprit)) }
	target.Containers = func() ([]fault.Process, error) { return targets(t.lab.Containers(t.p.Culprit)) }
	target.Rules = rules{t.lab, t.p.Culprit}
	target.Throttle = t.throttle
	target.Flip = t.flip
	target.Vacancy = t.vacancy
	target.Control = control{t.lab}
	target.SVIDs = t.lab
	target.Logged = t.lab.Logged
	target.FirstFailure = t.tracker.firstFailure
	target.Pushes = t.lab
	target.Send = t.send
	target.Crowd = func(ctx context.Context, kind crowd.Kind, times int) (string, error) {
		return t.lab.Crowd(ctx, t.p.Culprit, kind, times)
	}
	target.Misbehave = func(kind hog.Kind, limited bool) (string, func() (string, error), error) {
		return t.lab.Misbehave(t.p.Culprit, kind, limited)
	}
	target.Overflows = func() (int64, error) { return t.lab.Overflows(t.p.Culprit) }
	target.StallLog = func() (string, func() error, error) { return t.lab.StallLog(t.p.Culprit) }
	target.Disperse = t.lab.Disperse
	target.Replace, target.Upgrade = t.lab.Replace, t.lab.Upgrade
	target.Move = t.move
	target.Drain = func(ctx context.Context, deadline time.Duration) (string, error) {
		return t.lab.DrainPod(ctx, t.p.Culprit, deadline)
	}
	target.Undrain = func(ctx context.Context) error { return t.lab.UndrainPod(ctx, t.p.Culprit) }
	target.Links = t.lab
	target.Impersonate = func() (fault.Impostors, error) { return spoof.Begin(t.lab, t.p.Culprit) }
	target.Saw = func(at int64, note string) { t.saw(measure.Event{T: at, Name: f.Name(), Note: note}) }
	if t.signal != nil {
		target.Signal = t.signal
	}
	return target
}

// rules are those of one pod.
type rules struct {
	lab Lab
	pod string
}

func (r rules) Overhear() (fault.Wire, error)       { return r.lab.Overhear() }
func (r rules) Flush() error                        { return r.lab.FlushRules(r.pod) }
func (r rules) InForce() error                      { return r.lab.RulesInForce(r.pod) }
func (r rules) Recapture(ctx context.Context) error { return r.lab.Recapture(ctx, r.pod) }

// move moves the culprit, and says what its keeper says of that.
func (t *turn) move(ctx context.Context, to string) (string, error) {
	b, err := t.lab.Move(ctx, t.p.Culprit, to)
	if err != nil {
		return "", err
	}
	var m struct {
		From, To, Waited string
		Draining         int
	}
	if err := json.Unmarshal(b, &m); err != nil {
		return "", fmt.Errorf("move of %s: the keeper answers %s: %w", t.p.Culprit, b, err)
	}
	if m.From == m.To {
		return "it is in " + m.To + " already", nil
	}
	return fmt.Sprintf("it moved from %s to %s; new connections waited %s, %d open ones drain", m.From, m.To, m.Waited, m.Draining), nil
}

// control is the lab's.
type control struct{ lab Lab }

func (c control) Processes(part string) ([]fault.Process, error) {
	return targets(c.lab.Control(part), nil)
}
func (c control) Revive(ctx context.Context, part string) error { return c.lab.Revive(ctx, part) }

func (c control) Misstate(ctx context.Context, wrong bool) error { return c.lab.Misstate(ctx, wrong) }

func (c control) Hearings(ctx context.Context) ([]fault.Hearing, error) {
	said, err := c.lab.Hearings(ctx)
	var all []fault.Hearing
	for _, h := range said {
		all = append(all, fault.Hearing(h))
	}
	return all, err
}

// throttle is only where there are cgroups.
func (t *turn) throttle(share float64) (note string, restore func() error, err error) {
	note, restore, err = t.lab.Throttle(t.p.Culprit, share)
	if errors.Is(err, cgroup.ErrNotEnforceable) {
		err = &fault.NotEnforceableError{Why: err.Error()}
	}
	return note, restore, err
}

// flip is only where a keeper passes on what its cells say.
func (t *turn) flip() (fault.Flip, error) {
	f, err := t.lab.NewFlip(t.p.Culprit)
	var nobody *lab.NobodyAskedError
	if errors.As(err, &nobody) {
		return nil, &fault.NotEnforceableError{Why: nobody.Error()}
	}
	if err == nil && !t.subject.OnNode() {
		return nil, &fault.NotEnforceableError{Why: "only a keeper passes on by which policies its cells judge"}
	}
	return f, err
}

// vacancy is only where the culprit asks a service.
func (t *turn) vacancy() (fault.Vacancy, error) {
	v, err := t.lab.NewVacancy(t.p.Culprit)
	var nobody *lab.NobodyAskedError
	if errors.As(err, &nobody) {
		return nil, &fault.NotEnforceableError{Why: nobody.Error()}
	}
	return v, err
}

// send is a client of the culprit's. A culprit that talks to nobody has no bytes to send.
func (t *turn) send(ctx context.Context, text string) (answered bool, note string, err error) {
	answered, note, err = t.lab.Send(ctx, t.p.Culprit, text)
	var nobody *lab.NobodyAskedError
	if errors.As(err, &nobody) {
		err = &fault.NotEnforceableError{Why: nobody.Error()}
	}
	return answered, note, err
}

func (t *turn) node() string {
	pod, _ := t.topology.Pod(t.p.Culprit)
	return pod.Node
}

// serving finds the processes that carry the culprit's bytes.
func (t *turn) serving() ([]fault.Process, error) {
	return targets(t.lab.DataPlane(t.p.Culprit))
}

func targets(procs []lab.Proc, err error) ([]fault.Process, error) {
	var found []fault.Process
	for _, p := range procs {
		found = append(found, fault.Process{Name: named(p), PID: p.PID})
	}
	return found, err
}

// named puts the role before a name that does not say it.
func named(p lab.Proc) string {
	if strings.HasPrefix(p.Name, p.Role) {
		return p.Name
	}
	return p.Role + " " + p.Name
}

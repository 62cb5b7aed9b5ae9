package proxy

import (
	"github.com/bulkhead-mesh/bulkhead/proxy/mesh"
	"github.com/bulkhead-mesh/bulkhead/proxy/telemetry"
	"github.com/bulkhead-mesh/bulkhead/redirect"
)

// SetView replaces what connections are judged by, those that are open included: the ones
// that are denied now are cut. What it returns is closed once that is done. It is for one
// goroutine at a time.
func (w *Workload) SetView(v View) <-chan struct{} {
	var earlier *mesh.PolicySet
	if old := w.view.Load(); old != nil {
		earlier = &old.Policies
	}
	if len(v.Policies.Unknown) > 0 {
		w.Log.Warn("the workload has policies that are not known yet", "workload", w.Config.Workload.UID, "policies", v.Policies.Unknown)
	}
	v.Policies = v.Policies.After(earlier)
	w.view.Store(&v)
	return w.judgeOpen()
}

// SetPolicies is SetView for the policies alone.
func (w *Workload) SetPolicies(p mesh.PolicySet) <-chan struct{} {
	v := *w.view.Load()
	v.Policies = p
	return w.SetView(v)
}

// Generation is that of the policies by which all open connections have been judged.
func (w *Workload) Generation() string {
	w.open.mu.Lock()
	defer w.open.mu.Unlock()
	return w.open.inForce
}

// judgeOpen has the open connections judged by the policies that are there now, on a
// goroutine of its own: ten thousand take milliseconds, and the cell's loop has pings to
// answer. It is said of a connection that it was judged before the policies look at it
// (see decide), so whatever is not in the register yet will meet the new ones.
func (w *Workload) judgeOpen() <-chan struct{} {
	done := make(chan struct{})
	g := &w.open
	g.mu.Lock()
	defer g.mu.Unlock()
	switch {
	case g.judging:
		g.waiting = append(g.waiting, done)
	case g.judged == 0:
		g.inForce = w.view.Load().Policies.Generation
		close(done)
	default:
		g.judging = true
		g.waiting = append(g.waiting, done)
		go w.judgeRounds()
	}
	return done
}

// judgeRounds ends after a round by the newest policies. Of those that follow each other
// faster than a round the last ones count.
func (w *Workload) judgeRounds() {
	for {
		waiting, all := w.open.beginRound()
		policies := &w.view.Load().Policies
		cut := 0
		for _, o := range all {
			if err := w.judgeAgain(policies, o); err != nil {
				o.cut(err)
				cut++
			}
		}
		w.Log.Info("policies in force", "workload", w.Config.Workload.UID, "generation", policies.Generation, "open", len(all), "cut", cut)
		if w.open.endRound(policies.Generation, waiting) {
			return
		}
	}
}

// judgeAgain is why a connection may not go on, or nil. A panic is such a reason: it must
// neither end the process of everybody nor leave open what nobody has judged.
func (w *Workload) judgeAgain(policies *mesh.PolicySet, o *open) (err error) {
	defer func() {
		if v := recover(); v != nil {
			err = w.panicked(v)
		}
	}()
	if d := policies.Decide(o.connection()); !d.Allowed {
		return &PolicyChangeError{d}
	}
	return nil
}

// beginRound copies the list: going through it takes its time, and connections begin and
// end meanwhile.
func (g *register) beginRound() (waiting []chan struct{}, all []*open) {
	g.mu.Lock()
	defer g.mu.Unlock()
	waiting, g.waiting = g.waiting, nil
	all = make([]*open, 0, g.judged)
	for o := g.newest; o != nil; o = o.older {
		if o.judged {
			all = append(all, o)
		}
	}
	return waiting, all
}

func (g *register) endRound(generation string, waiting []chan struct{}) (last bool) {
	g.mu.Lock()
	defer g.mu.Unlock()
	g.inForce = generation
	for _, done := range waiting {
		close(done)
	}
	g.judging = len(g.waiting) > 0
	return !g.judging
}

// settle returns when nobody judges any more.
func (w *Workload) settle() {
	g := &w.open
	g.mu.Lock()
	done := make(chan struct{})
	if g.judging {
		g.waiting = append(g.waiting, done)
	} else {
		close(done)
	}
	g.mu.Unlock()
	<-done
}

// decide applies the workload's policies, now and whenever they change.
func (w *Workload) decide(o *open) error {
	o.Stage = telemetry.StagePolicy
	if o.Destination.Port() == redirect.ProbePort { // whose rules are not the workload's, and never change
		if d := w.probes.Decide(o.connection()); !d.Allowed {
			return &PolicyError{d}
		}
		return nil
	}
	if o.Peer.IsReserved() { // any token gets one, and no policy is about it
		return &PolicyError{mesh.Decision{Reason: mesh.ReasonReserved}}
	}
	w.open.judge(o)
	d := w.view.Load().Policies.Decide(o.connection())
	if d.Dry != nil && d.Dry.Allowed != d.Allowed {
		o.DryRun = d.Dry.String()
		w.Counters.DryRun.Add(1)
	}
	if !d.Allowed {
		return &PolicyError{d}
	}
	return nil
}

package keeper

import (
	"errors"
	"fmt"
	"slices"
	"time"
)

// FailureAction is what becomes of a workload's new connections when its cell has died
// and is away for long. Its owner chooses: there is no right answer for everybody.
type FailureAction string

const (
	// Wait keeps them in the backlog of the listening sockets, in custody.
	Wait FailureAction = "wait"
	// Closed refuses them at once.
	Closed FailureAction = "closed"
	// Passthrough lets them past the mesh: in plaintext, and inbound past every policy.
	Passthrough FailureAction = "passthrough"
)

// OnFailure is the choice for a node, its namespaces and workloads.
type OnFailure struct {
	Action FailureAction `json:"action,omitempty"` // default wait
	After  Duration      `json:"after,omitempty"`  // how long nobody serves the workload before; default 10 s
	Choices[FailureAction]
}

func (o *OnFailure) complete() {
	set(&o.Action, Wait)
	set(&o.After, Duration(10*time.Second))
}

func (o OnFailure) validate() error {
	return errors.Join(checkAction("onFailure.action", o.Action), o.Choices.validate("onFailure", checkAction))
}

func checkAction(field string, a FailureAction) error {
	if slices.Contains([]FailureAction{Wait, Closed, Passthrough}, a) {
		return nil
	}
	return fmt.Errorf("%s %q: use wait, closed or passthrough", field, a)
}

// of is the choice for a pod: that of its workload or namespace, or else the node's.
func (o OnFailure) of(p Pod) FailureAction { return o.Choices.of(p, o.Action) }

// failing is what a pod's rules do instead of capture.
type failing struct {
	action  FailureAction // empty: capture
	since   time.Time     // nobody serves the pod; zero: somebody does
	already bool          // it has failed in this crash loop: no second wait
}

// checkFailures does for each pod that nobody serves what its owner chose.
func (k *Keeper) checkFailures() {
	for _, p := range k.pods {
		k.checkFailure(p)
	}
}

func (k *Keeper) checkFailure(p *pod) {
	f := &p.failing
	if p.cell.outside() || p.placed.outside() || p.drained {
		return
	}
	if p.isServed() {
		f.since, f.already = time.Time{}, f.already && p.cell.looping()
		k.instead(p, "")
		if err := k.reopen(p); err != nil {
			k.log.Error("rules of a pod not changed, tried again", "workload", p.UID, "error", err)
		}
		return
	}
	if f.since.IsZero() {
		f.since = time.Now()
	}
	action := k.config.OnFailure.of(p.Pod)
	switch {
	case action == Wait:
		k.instead(p, "")
	case p.cell.deaths.Row == 0 && f.action == "": // not dead: not started yet, or without its first SVID
	case f.action != "" || f.already || time.Since(f.since) >= time.Duration(k.config.OnFailure.After):
		k.instead(p, action)
	}
}

// isServed says whether a process accepts the pod's connections.
func (p *pod) isServed() bool {
	for _, d := range p.duties {
		if d.ready {
			return true
		}
	}
	return false
}

// instead changes the pod's rules, and says so: never silently. It is written down
// first, so that the next keeper leaves the rules as they are.
func (k *Keeper) instead(p *pod, action FailureAction) {
	f := &p.failing
	if f.action == action {
		return
	}
	was := f.action
	f.action, f.already = action, f.already || action != ""
	k.note(p)
	if err := p.rules.change(p, planOf("", action)); err != nil {
		k.log.Error("rules of a pod not changed, tried again", "workload", p.UID, "onFailure", action, "error", err)
		f.action = was
		k.note(p)
		return
	}
	where := []any{"workload", p.UID, "cell", p.cell.group, "cell state", p.cell.shownState()}
	switch action {
	case Closed:
		k.log.Error("workload fails closed: new connections are refused, as onFailure says", where...)
	case Passthrough:
		k.log.Error("workload passes through, as onFailure says: its new connections are in PLAINTEXT, and those to it meet NO POLICY", where...)
	default:
		k.log.Warn("workload is captured again", append(where, "was", was)...)
	}
}

package keeper

import (
	"context"
	"time"

	"github.com/bulkhead-mesh/bulkhead/redirect/rules"
)

// Whoever has CAP_NET_ADMIN in a pod can flush its rules, and many do: firewalls that
// think the ruleset is theirs begin with it. Then the pod's next bytes leave in
// plaintext. The keeper hears of each change and puts back what is missing, which takes
// milliseconds; what left before has left.

// recaptureCalm is between two repairs of one pod: two programs that both want the last
// word must not burn a CPU over it.
const recaptureCalm = 100 * time.Millisecond

// watchRules begins to watch a pod's rules, once they are what they should be.
func (k *Keeper) watchRules(p *pod) {
	k.do(func() {
		if k.pods[p.UID] != p || p.unwatch != nil {
			return // it has left meanwhile, or is watched
		}
		p.unwatch = k.beginWatch(p)
	})
}

// beginWatch watches nothing with liveness off, which is for comparison with proxies that
// look after nothing.
func (k *Keeper) beginWatch(p *pod) (end func()) {
	if k.config.Liveness.Off {
		return nil
	}
	w, err := rules.Watch(p.netns)
	if err != nil {
		k.log.Error("rules of a pod are not watched: who changes them is not noticed", "workload", p.UID, "error", err)
		return nil
	}
	ctx, stop := context.WithCancel(k.life)
	ended := make(chan struct{})
	k.running.Go(func() {
		defer close(ended)
		defer w.Close()
		k.recapture(ctx, p, w)
	})
	return func() { stop(); <-ended }
}

// recapture puts the rules back whenever somebody has changed them, until ctx ends.
// Changes of the keeper's own are none: the rules are as they should be.
func (k *Keeper) recapture(ctx context.Context, p *pod, w *rules.Watcher) {
	for w.Next(ctx) == nil {
		for again := true; again && ctx.Err() == nil; {
			drift, err := p.rules.repair(p)
			if again = err != nil; again {
				k.log.Error("rules of a pod were changed and not put back, tried again", "workload", p.UID, "error", err)
			} else if drift == nil {
				break
			} else {
				k.recaptured.Add(1)
				p.recaptured.Add(1)
				k.log.Error("rules of a pod were changed by somebody else and are put back; what it sent meanwhile may have been in PLAINTEXT", "workload", p.UID, "drift", drift)
			}
			select {
			case <-time.After(recaptureCalm):
			case <-ctx.Done():
			}
		}
	}
}

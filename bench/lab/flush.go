package lab

import (
	"context"

	"github.com/google/nftables"

	"github.com/bulkhead-mesh/bulkhead/redirect"
	"github.com/bulkhead-mesh/bulkhead/redirect/rules"
)

// FlushRules is `nft flush ruleset` in a pod.
func (l *Lab) FlushRules(pod string) error {
	ns := l.fabric.pods[pod]
	if ns == nil {
		return l.unknownPod(pod)
	}
	return at("flush", pod, ns.Do(func() error {
		c, err := nftables.New(nftables.AsLasting())
		if err != nil {
			return err
		}
		defer c.CloseLasting()
		c.FlushRuleset()
		return c.Flush()
	}))
}

// RulesInForce is nil when a pod's rules are what its data plane wants.
func (l *Lab) RulesInForce(pod string) error {
	ns := l.fabric.pods[pod]
	if ns == nil {
		return l.unknownPod(pod)
	}
	plan := rules.Plan{Ports: redirect.SidecarPorts}
	if d := l.dataPlane(); d != nil && d.subject.OnNode() {
		plan.Ports = redirect.NodePorts
	}
	return rules.Verify(ns, plan)
}

// Recapture has whoever installed a pod's rules do so again: its keeper, or for a
// sidecar what an init container does. It returns when they are in force.
func (l *Lab) Recapture(ctx context.Context, pod string) error {
	p, ok := l.topology.Pod(pod)
	if !ok {
		return l.unknownPod(pod)
	}
	d := l.dataPlane()
	var err error
	switch {
	case d == nil:
		return nil
	case d.subject.OnNode():
		err = d.admins[p.Node].add(ctx, p, l.netnsPath(p))
	default:
		err = l.capture(ctx, p, "install", "--placement", "sidecar")
	}
	if err == nil {
		err = l.RulesInForce(pod)
	}
	return at("recapture", pod, err)
}

// Overhear looks for the load's marker on every wire of the lab. What sentinels say is
// in plaintext and has another one.
func (l *Lab) Overhear() (*Sniff, error) { return l.Sniff([]byte(l.marker)) }

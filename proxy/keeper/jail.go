package keeper

import (
	"github.com/bulkhead-mesh/bulkhead/proxy/jail"
	"github.com/bulkhead-mesh/bulkhead/redirect"
)

// probeJail finds out what this machine can enforce on cells. What it cannot is left
// out of their jails, with a line here and in `bulkhead-node status`: a node without
// Landlock is weaker, and one that does not start is none.
func (k *Keeper) probeJail() {
	k.powers = jail.Probe()
	for _, p := range k.powers.List() {
		if p.Missing != "" {
			k.log.Warn("part of the jail is missing", "part", p.Name, "error", p.Missing)
		}
	}
}

// jailed adds to a cell's jail what this machine can enforce.
func (k *Keeper) jailed(s jail.Spec, x *process) jail.Spec {
	s.Seccomp = k.powers.Seccomp == nil
	s.Landlock = k.powers.Landlock == nil
	s.Datagrams = x.datagrams
	if k.config.Custody == CustodyCell {
		ports := redirect.NodePorts
		s.Listen = []uint16{ports.Outbound, ports.Plaintext, ports.HBONE}
	}
	return s
}

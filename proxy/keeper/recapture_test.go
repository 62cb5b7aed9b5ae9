package keeper

import (
	"syscall"
	"testing"

	"github.com/google/nftables"

	"github.com/bulkhead-mesh/bulkhead/redirect"
	"github.com/bulkhead-mesh/bulkhead/redirect/rules"
)

// flush is `nft flush ruleset` in the client's pod.
func (n *node) flush(t *testing.T) {
	t.Helper()
	err := n.A.Do(func() error {
		c, err := nftables.New(nftables.AsLasting())
		if err != nil {
			return err
		}
		defer c.CloseLasting()
		c.FlushRuleset()
		return c.Flush()
	})
	if err != nil {
		t.Fatal(err)
	}
}

func (n *node) captured(t *testing.T) {
	t.Helper()
	eventually(t, "the rules are back", func() error { return rules.Verify(n.A, rules.Plan{Ports: redirect.NodePorts}) })
}

// Somebody flushes a pod's rules: the keeper puts them back, again and again, and so does
// the next keeper. What is removed stays removed.
func TestFlushedRulesArePutBack(t *testing.T) {
	n := startNode(t, "isolation: workload\n")
	n.echo(t)
	for range 2 {
		n.flush(t)
		n.captured(t)
	}
	if err := syscall.Kill(n.keeperPID(t), syscall.SIGKILL); err != nil {
		t.Fatal(err)
	}
	n.ready(t)
	n.flush(t)
	n.captured(t)
	if err := n.roundTrip(); err != nil {
		t.Error(err)
	}
	if err := n.call(t, "DELETE", "/pods?uid=a/client", nil, nil); err != nil {
		t.Fatal(err)
	}
	if err := rules.Verify(n.A, rules.Plan{Ports: redirect.NodePorts}); err == nil {
		t.Error("rules of a pod that has left are back")
	}
}

// For comparison a keeper can look after nothing.
func TestWithoutLivenessNobodyPutsRulesBack(t *testing.T) {
	n := startNode(t, "isolation: workload\nliveness: {\"off\": true}\n")
	n.echo(t)
	n.flush(t)
	if err := n.roundTrip(); err != nil {
		t.Error(err) // past the mesh, since nothing captures
	}
	if rules.Verify(n.A, rules.Plan{Ports: redirect.NodePorts}) == nil {
		t.Error("the rules are back")
	}
}

package keeper

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"testing"

	"github.com/bulkhead-mesh/bulkhead/proxy/admin"
	"github.com/bulkhead-mesh/bulkhead/proxy/probe"
	"github.com/bulkhead-mesh/bulkhead/redirect"
	"github.com/bulkhead-mesh/bulkhead/redirect/rules"
)

func (n *node) verify(t *testing.T) admin.Verdict {
	t.Helper()
	var v admin.Verdict
	if err := n.call(t, "POST", "/verify", nil, &v); err != nil {
		t.Fatal(err)
	}
	return v
}

// only fails unless the findings are of these checks, in any order.
func only(t *testing.T, v admin.Verdict, want ...string) {
	t.Helper()
	var got []string
	for _, f := range v.Findings {
		got = append(got, f.Check)
	}
	slices.Sort(got)
	slices.Sort(want)
	if !slices.Equal(slices.Compact(got), slices.Compact(want)) {
		t.Errorf("findings of %v, want %v: %+v", got, want, v.Findings)
	}
}

// strict has the server accept no plaintext.
const strict = "peerAuthentications: [{namespace: a, workloads: [a/server], name: server, mode: STRICT}]\n"

// In every isolation everything is as it must be, and a probe leaves no trace in what
// users' connections are counted and recorded by.
func TestVerifyFindsNothingWrong(t *testing.T) {
	for _, isolation := range []string{"shared", "workload"} {
		t.Run(isolation, func(t *testing.T) {
			n := startNode(t, "isolation: "+isolation+"\n"+quicOn)
			n.echo(t)
			v := n.verify(t)
			only(t, v)
			if v.Workloads != 2 || v.Checks != 2*len(admin.Checks) {
				t.Errorf("%+v", v)
			}
			t.Logf("%d checks in %.0f ms, then %.0f ms", v.Checks, v.Seconds*1000, n.verify(t).Seconds*1000)
			c, _ := shares(t, n.who(t), "a/server")
			if c.Workloads[0].Open != 0 || strings.Contains(n.stderr.String(), "connection failed") {
				t.Errorf("the probes left a trace: %+v", c)
			}
		})
	}
}

// What is broken outside of the data plane is found, and named, until it is mended.
func TestVerifyFindsWhatIsWrong(t *testing.T) {
	n := startNode(t, "isolation: workload\nliveness: {\"off\": true}\n") // or it would mend the rules itself
	n.echo(t)
	only(t, n.verify(t))
	if err := rules.Release(n.B); err != nil {
		t.Fatal(err)
	}
	v := n.verify(t)
	only(t, v, admin.CheckRules)
	if len(v.Findings) != 1 || v.Findings[0].Workload != "a/server" {
		t.Errorf("%+v", v.Findings)
	}
	if err := rules.Install(n.B, planOf("", "")); err != nil {
		t.Fatal(err)
	}
	only(t, n.verify(t))
	if err := n.call(t, "POST", "/move", map[string]string{"uid": "a/server", "isolation": "none"}, nil); err != nil {
		t.Fatal(err)
	}
	if v := n.verify(t); len(v.Findings) > 0 || !slices.Equal(v.Outside, []string{"a/server"}) {
		t.Errorf("%+v", v)
	}
	if err := n.call(t, "POST", "/verify?workload=a/nobody", nil, nil); err == nil || !strings.Contains(err.Error(), "404") {
		t.Errorf("%v", err)
	}
}

// A push that makes mTLS strict is seen by the cell, and by the keeper, and the two agree.
func TestVerifyFollowsThePolicy(t *testing.T) {
	n := startNode(t, "isolation: shared")
	n.echo(t)
	before := n.verify(t)
	only(t, before)
	if err := n.plaintextAnswer(); err != nil {
		t.Errorf("permissive: %v", err)
	}
	n.write(t, "mesh.yaml", fmt.Sprintf(`
trustDomain: cluster.local
%sworkloads:
- {uid: a/client, name: client, namespace: a, serviceAccount: client, node: n, addresses: [%s, "%s"], protocol: HBONE}
- {uid: a/server, name: server, namespace: a, serviceAccount: server, node: n, addresses: [%s, "%s"], protocol: HBONE}
`, strict, n.A4, n.A6, n.B4, n.B6))
	eventually(t, "mTLS is strict in the cell", func() error {
		if n.plaintextAnswer() == nil {
			return errors.New("plaintext is answered")
		}
		return nil
	})
	only(t, n.verify(t))
}

// plaintextAnswer is nil when the server's cell answers the probe in plaintext.
func (n *node) plaintextAnswer() error {
	ctx, cancel := context.WithTimeout(context.Background(), patience)
	defer cancel()
	c, err := (&pod{netns: n.B}).probeDial(ctx, redirect.NodePorts.Plaintext)
	if err != nil {
		return err
	}
	return probe.Plaintext(ctx, c)
}

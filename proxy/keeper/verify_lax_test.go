package keeper

import (
	"context"
	"crypto/tls"
	"encoding/json"
	"io"
	"net"
	"net/netip"
	"sync"
	"testing"

	"github.com/bulkhead-mesh/bulkhead/identity"
	"github.com/bulkhead-mesh/bulkhead/identity/ca"
	"github.com/bulkhead-mesh/bulkhead/identity/issuer"
	"github.com/bulkhead-mesh/bulkhead/proxy"
	"github.com/bulkhead-mesh/bulkhead/proxy/admin"
	"github.com/bulkhead-mesh/bulkhead/proxy/h2"
	"github.com/bulkhead-mesh/bulkhead/proxy/hbone"
	"github.com/bulkhead-mesh/bulkhead/proxy/mesh"
	"github.com/bulkhead-mesh/bulkhead/proxy/tunnel"
	"github.com/bulkhead-mesh/bulkhead/redirect"
	"github.com/bulkhead-mesh/bulkhead/redirect/netns"
	"github.com/bulkhead-mesh/bulkhead/redirect/netns/sandbox"
	"github.com/bulkhead-mesh/bulkhead/redirect/rules"
)

// laxCell is a data plane that lets everybody in: it verifies nobody and denies nothing.
type laxCell struct {
	source  identity.Source
	open    sync.WaitGroup
	answers proxy.Probed
}

func (l *laxCell) serve(t *testing.T, ns *netns.Namespace, ports redirect.Ports) {
	t.Helper()
	ctx, end := context.WithCancel(context.Background())
	var ears []net.Listener
	for port, serve := range map[uint16]func(net.Conn){ports.HBONE: func(c net.Conn) { l.tunnel(ctx, c) }, ports.Plaintext: l.plaintext} {
		ear, err := ns.Listen(netns.ListenOptions{Port: port})
		if err != nil {
			t.Fatal(err)
		}
		l.open.Go(func() {
			for {
				c, err := ear.AcceptTCP()
				if err != nil {
					return
				}
				l.open.Go(func() { defer c.Close(); serve(c) })
			}
		})
		ears = append(ears, ear)
	}
	t.Cleanup(func() {
		for _, ear := range ears {
			ear.Close()
		}
		end()
		l.open.Wait()
	})
}

func (l *laxCell) tunnel(ctx context.Context, c net.Conn) {
	config := identity.ServerTLS(l.source)
	config.ClientAuth, config.VerifyConnection = tls.RequestClientCert, nil
	_ = h2.New(h2.Options{}).Serve(ctx, tls.Server(c, config), func(in tunnel.Incoming) {
		s, err := in.Accept(hbone.Header{})
		if err != nil {
			return
		}
		_, _ = io.Copy(io.Discard, s)
		_ = json.NewEncoder(s).Encode(l.answers)
		_ = s.CloseWrite()
		_ = s.Close()
	})
}

func (l *laxCell) plaintext(c net.Conn) { _ = json.NewEncoder(c).Encode(l.answers) }

// The control of every check: where nothing is enforced, each one says so by its name.
func TestVerifyFindsADataPlaneThatEnforcesNothing(t *testing.T) {
	pair := sandbox.NewPair(t)
	k, _, _ := newTalkingKeeper(t)
	authority, err := ca.New(ca.Options{TrustDomain: "cluster.local"})
	if err != nil {
		t.Fatal(err)
	}
	signer := ca.Local{CA: authority}
	k.signer, k.prober.keeper = signer, k
	id := idOf(t, "own")
	source := issuer.New(id, signer, issuer.Options{})
	k.running.Go(func() { _ = source.Run(k.life) })
	<-source.Ready()
	lax := &laxCell{source: source, answers: proxy.Probed{Workload: "a/own", Generation: "old"}}
	lax.serve(t, pair.A, redirect.NodePorts)
	if err := rules.Install(pair.A, planOf("", "")); err != nil {
		t.Fatal(err)
	}
	p := newPod(Pod{UID: "a/own", Name: "own", Namespace: "a", ServiceAccount: "own"}, pair.A)
	strict := mesh.Policy{Name: "strict", Namespace: "a", Scope: mesh.ScopeNamespace, Action: mesh.Deny, Rules: []mesh.Rule{{Match: mesh.Match{NotPrincipals: []string{"*"}}}}}
	target := &target{
		pod: p, cell: "workload/a/own", known: true, ports: redirect.NodePorts,
		workload: mesh.Workload{UID: "a/own", Identity: id, Addresses: []netip.Addr{pair.A4}},
		policies: mesh.PolicySet{Policies: []mesh.Policy{strict}, Generation: "new"},
	}
	e := k.examine(t.Context(), target)
	only(t, admin.Verdict{Findings: e.findings}, admin.CheckDeny, admin.CheckForgery, admin.CheckStranger, admin.CheckPlaintext, admin.CheckPolicy)
}

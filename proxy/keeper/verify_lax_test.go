package keeper

import (
	"context"
	"crypto/tls"
	"encoding/json"
	"io"
	"net"
	"net/netip"
	"sync"
	"sync/atomic"
	"testing"
	"time"

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

// The control of every check: where nothing is enforced, or something is not as it must be, each one says so by its name.
func TestVerifyFindsADataPlaneThatEnforcesNothing(t *testing.T) {
	enforced := []string{admin.CheckDeny, admin.CheckForgery, admin.CheckStranger, admin.CheckPlaintext, admin.CheckPolicy}
	for name, c := range map[string]struct {
		age     time.Duration // of its SVID, which lives for an hour
		answers string        // as whom it does
		deaf    bool
		unknown bool // to the mesh
		want    []string
	}{
		"nothing is enforced":                   {answers: "a/own", want: enforced},
		"its SVID was not rotated":              {age: 50 * time.Minute, answers: "a/own", want: append([]string{admin.CheckSVID}, enforced...)},
		"its SVID is in its third quarter":      {age: 40 * time.Minute, answers: "a/own", want: enforced},
		"somebody else answers":                 {answers: "a/other", want: []string{admin.CheckAllow}},
		"nobody serves":                         {deaf: true, want: []string{admin.CheckAllow}},
		"the mesh does not know whom it serves": {answers: "a/own", unknown: true, want: []string{admin.CheckIdentity}},
	} {
		t.Run(name, func(t *testing.T) {
			lax := &laxCell{answers: proxy.Probed{Workload: c.answers, Generation: "old"}}
			e := examineLax(t, lax, c.age, c.deaf, !c.unknown)
			only(t, admin.Verdict{Findings: e.findings}, c.want...)
		})
	}
}

// examineLax verifies a pod that such a cell serves, with an SVID of that age.
func examineLax(t *testing.T, lax *laxCell, age time.Duration, deaf, known bool) *examination {
	t.Helper()
	pair := sandbox.NewPair(t)
	k, _, _ := newTalkingKeeper(t)
	var back atomic.Int64
	back.Store(int64(age))
	authority, err := ca.New(ca.Options{TrustDomain: "cluster.local", Now: func() time.Time { return time.Now().Add(-time.Duration(back.Load())) }})
	if err != nil {
		t.Fatal(err)
	}
	signer := ca.Local{CA: authority}
	k.signer, k.prober.keeper = signer, k
	id := idOf(t, "own")
	source := issuer.New(id, signer, issuer.Options{})
	k.running.Go(func() { _ = source.Run(k.life) })
	<-source.Ready()
	back.Store(0) // the probe's own are fresh
	lax.source = source
	if !deaf {
		lax.serve(t, pair.A, redirect.NodePorts)
	}
	if err := rules.Install(pair.A, planOf("", "")); err != nil {
		t.Fatal(err)
	}
	p := newPod(Pod{UID: "a/own", Name: "own", Namespace: "a", ServiceAccount: "own"}, pair.A)
	strict := mesh.Policy{Name: "strict", Namespace: "a", Scope: mesh.ScopeNamespace, Action: mesh.Deny, Rules: []mesh.Rule{{Match: mesh.Match{NotPrincipals: []string{"*"}}}}}
	target := &target{
		pod: p, cell: "workload/a/own", known: known, ports: redirect.NodePorts,
		workload: mesh.Workload{UID: "a/own", Identity: id, Addresses: []netip.Addr{pair.A4}},
		policies: mesh.PolicySet{Policies: []mesh.Policy{strict}, Generation: "new"},
	}
	return k.examine(t.Context(), target)
}

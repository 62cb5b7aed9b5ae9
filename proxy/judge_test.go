package proxy

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net/netip"
	"strings"
	"sync"
	"testing"

	"github.com/bulkhead-mesh/bulkhead/proxy/mesh"
	"github.com/bulkhead-mesh/bulkhead/proxy/telemetry"
	"github.com/bulkhead-mesh/bulkhead/redirect"
)

var nobody = mesh.Policy{Name: "nobody", Namespace: "a", Scope: mesh.ScopeGlobal, Action: mesh.Allow}

func judged(policies ...mesh.Policy) View {
	return View{Policies: mesh.PolicySet{Policies: policies, Generation: fmt.Sprint(len(policies))}}
}

func newJudged(t testing.TB) *Workload {
	t.Helper()
	w := New(Config{Log: slog.New(slog.DiscardHandler), Counters: &telemetry.Counters{}, View: judged()})
	t.Cleanup(func() { w.settle(); w.pool.Close() })
	return w
}

// begun is a connection as far as its policies.
func (w *Workload) begun() (*open, context.Context) {
	o := w.begin(telemetry.Inbound, netip.MustParseAddrPort("10.0.0.1:1234"))
	o.Destination = netip.MustParseAddrPort("10.0.0.2:80")
	ctx, cut := context.WithCancelCause(context.Background())
	w.open.enter(o, cut)
	return o, ctx
}

// A connection that begins while the policies change is either denied or cut, whoever
// comes first: it is in the register before it looks at them.
func TestNoConnectionSlipsThroughAChange(t *testing.T) {
	for range 2000 {
		w := newJudged(t)
		o, ctx := w.begun()
		var denied error
		var both sync.WaitGroup
		var done <-chan struct{}
		both.Go(func() { denied = w.decide(o) })
		both.Go(func() { done = w.SetView(judged(nobody)) })
		both.Wait()
		<-done
		var changed *PolicyChangeError
		if denied == nil && !errors.As(context.Cause(ctx), &changed) {
			t.Fatalf("it was let in and not cut; generation %s in force", w.Generation())
		}
		o.cut(nil)
	}
}

// Conformance 63: entered, judged, left: the register holds what is open and nothing else.
func TestRegister(t *testing.T) {
	w := newJudged(t)
	var all []*open
	for range 5 {
		o, _ := w.begun()
		all = append(all, o)
	}
	for _, o := range all[1:] {
		if err := w.decide(o); err != nil {
			t.Fatal(err)
		}
	}
	w.open.leave(all[2])
	w.open.leave(all[2]) // again
	w.open.leave(all[4]) // the newest
	w.open.leave(&open{})
	if _, got := w.open.beginRound(); len(got) != 2 || got[0] != all[3] || got[1] != all[1] {
		t.Errorf("%d are judged again", len(got))
	}
	for _, o := range all {
		w.open.leave(o)
		o.cut(nil)
	}
	if w.open.newest != nil || w.open.judged != 0 {
		t.Errorf("%d are left", w.open.judged)
	}
}

// Views that follow each other quickly are all waited for, and the last one is in force.
func TestTheLastViewIsInForce(t *testing.T) {
	w := newJudged(t)
	for range 100 {
		o, _ := w.begun()
		defer o.cut(nil)
		if err := w.decide(o); err != nil {
			t.Fatal(err)
		}
	}
	var all []<-chan struct{}
	for i := range 50 {
		v := judged()
		v.Policies.Generation = fmt.Sprint("g", i)
		all = append(all, w.SetView(v))
	}
	for _, done := range all {
		<-done
	}
	if g := w.Generation(); g != "g49" {
		t.Errorf("%s is in force", g)
	}
}

// A panic in a round cuts the connection that met it, is counted, and ends neither the
// process nor the judging.
func TestAPanicWhileJudgingCutsTheConnection(t *testing.T) {
	w := newJudged(t)
	o, ctx := w.begun()
	if err := w.decide(o); err != nil {
		t.Fatal(err)
	}
	broken := judged()
	broken.Policies = (mesh.PolicySet{Unknown: []string{"a/later"}, Generation: "broken"}).After(nil)
	broken.Policies.Unknown = nil // now it denies for a policy that has no name, and panics over that
	w.view.Store(&broken)
	<-w.judgeOpen()
	if err := context.Cause(ctx); err == nil || !strings.Contains(err.Error(), "panic") {
		t.Errorf("cut: %v", err)
	}
	if n := w.Counters.Panics.Load(); n != 1 {
		t.Errorf("%d panics counted", n)
	}
	w.open.leave(o)
	<-w.SetView(judged(nobody))
	if g := w.Generation(); g != "1" {
		t.Errorf("%s is in force", g)
	}
}

// Over xDS a workload may have no address; who probes it is answered all the same.
func TestAProbeOfAWorkloadWithoutAddresses(t *testing.T) {
	w := newJudged(t)
	strict := mesh.Policy{Name: "strict", Namespace: "a", Scope: mesh.ScopeGlobal, Action: mesh.Deny, Rules: []mesh.Rule{{Match: mesh.Match{NotPrincipals: []string{"*"}}}}}
	<-w.SetView(judged(strict))
	o := w.begin(telemetry.Plaintext, netip.AddrPortFrom(redirect.Probe, 1234))
	var denied *PolicyError
	if err := w.answerPlaintextProbe(nil, &o.Record); !errors.As(err, &denied) || denied.Decision.Reason != mesh.ReasonPlaintext {
		t.Errorf("%v", err)
	}
}

// What ten thousand open connections cost when a workload's policies change; nothing
// waits for it but the report that they are in force.
func BenchmarkJudgeOpen(b *testing.B) {
	w := newJudged(b)
	for range 10_000 {
		o, _ := w.begun()
		if err := w.decide(o); err != nil {
			b.Fatal(err)
		}
	}
	other := mesh.Policy{Name: "other", Namespace: "a", Scope: mesh.ScopeGlobal, Action: mesh.Deny, Rules: []mesh.Rule{{Match: mesh.Match{
		SourceIPs: []netip.Prefix{netip.MustParsePrefix("192.0.2.0/24")}, Ports: []uint16{443},
	}}}}
	v := judged(other, other, other, other, other)
	for b.Loop() {
		<-w.SetView(v)
	}
}

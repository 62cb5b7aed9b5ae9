package proxy_test

import (
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/netip"
	"syscall"
	"testing"

	"github.com/bulkhead-mesh/bulkhead/identity"
	"github.com/bulkhead-mesh/bulkhead/proxy"
	"github.com/bulkhead-mesh/bulkhead/proxy/mesh"
	"github.com/bulkhead-mesh/bulkhead/redirect"
)

// deny is a policy against a port of the server.
func deny(port uint16) mesh.Policy {
	return mesh.Policy{Name: fmt.Sprintf("no-%d", port), Namespace: "a", Scope: mesh.ScopeNamespace, Action: mesh.Deny, Rules: []mesh.Rule{{Match: mesh.Match{Ports: []uint16{port}}}}}
}

func view(generation string, policies ...mesh.Policy) proxy.View {
	return proxy.View{Policies: mesh.PolicySet{Policies: policies, Generation: generation}}
}

// talk opens a connection to an echo and uses it once.
func (p *pod) talk(t *testing.T, to netip.AddrPort) *net.TCPConn {
	t.Helper()
	c := p.dial(t, to)
	echoes(t, c)
	return c
}

func wantReset(t *testing.T, c *net.TCPConn) {
	t.Helper()
	if _, err := c.Read(make([]byte, 1)); !errors.Is(err, syscall.ECONNRESET) {
		t.Errorf("read %v, want a reset", err)
	}
}

func echoAll(c *net.TCPConn) { _, _ = io.Copy(c, c) }

// I2: what is open is judged by new policies as well.
// Conformance 64: what an update denies is closed, what it allows stays.
func TestAPushCutsWhatItDenies(t *testing.T) {
	eachTransport(t, func(t *testing.T, w *two) {
		for _, port := range []uint16{8080, 8081} {
			w.server.serve(t, port, echoAll)
		}
		denied, allowed := w.client.talk(t, at(w.B4, 8080)), w.client.talk(t, at(w.B4, 8081))
		<-w.server.work.SetView(view("g2", deny(8080)))
		if g := w.server.work.Generation(); g != "g2" {
			t.Errorf("generation %q in force", g)
		}
		wantReset(t, denied)
		echoes(t, allowed)
		w.server.waitLine(t, "direction=inbound", "stage=relay", "connection closed due to policy change: explicitly denied by: a/no-8080", "reason=policy-change")
		w.server.waitLine(t, "policies in force", "generation=g2", "open=2", "cut=1")
		w.client.wantRefused(t, at(w.B4, 8080))
		<-w.server.work.SetView(view("g3"))
		w.client.talk(t, at(w.B4, 8080))
	})
}

// Anybody may have a reserved identity: it is good for the port of probes, and lets nobody
// past the policies that meet its owner, be there none or one that allows everybody.
func TestReservedIdentitiesReachNoApplication(t *testing.T) {
	eachTransport(t, func(t *testing.T, w *two) {
		w.server.serve(t, 8080, echoAll)
		everybody := mesh.Policy{Name: "everybody", Namespace: "a", Scope: mesh.ScopeNamespace, Action: mesh.Allow, Rules: []mesh.Rule{{Match: mesh.Match{Principals: []string{"*"}}}}}
		ask := func(id identity.ID, port uint16) int {
			t.Helper()
			resp, err := w.request(t, http.MethodConnect, at(w.B4, port).String(), http.NoBody, w.svid(t, id))
			if err != nil {
				t.Fatal(err)
			}
			resp.Body.Close()
			return resp.StatusCode
		}
		for _, policies := range [][]mesh.Policy{nil, {everybody}} {
			<-w.server.work.SetView(view(fmt.Sprint(len(policies)), policies...))
			for r, probed := range map[identity.Reserved]int{identity.Probe: 200, identity.ProbeDenied: 401} {
				id, err := r.Of("cluster.local")
				if err != nil {
					t.Fatal(err)
				}
				if got := ask(id, 8080); got != 401 {
					t.Errorf("%s, %d policies: status %d at an application", r, len(policies), got)
				}
				if got := ask(id, redirect.ProbePort); got != probed {
					t.Errorf("%s, %d policies: status %d at the port of probes", r, len(policies), got)
				}
			}
			if got := ask(w.client.workload.Identity, 8080); got != 200 {
				t.Errorf("the control, %d policies: status %d", len(policies), got)
			}
		}
		w.server.waitLine(t, "direction=inbound", "stage=policy", "reason=reserved")
	})
}

// Plaintext is judged anew like everything else, and strict mTLS is such a policy.
func TestAPushCutsPlaintext(t *testing.T) {
	w := newTwo(t)
	uncapture(t, w.A) // the client leaves the mesh
	w.server.serve(t, 8080, echoAll)
	open := w.client.talk(t, at(w.B4, 8080))
	strict := mesh.Policy{Name: "strict", Namespace: "a", Scope: mesh.ScopeNamespace, Action: mesh.Deny, Rules: []mesh.Rule{{Match: mesh.Match{NotPrincipals: []string{"*"}}}}}
	<-w.server.work.SetView(view("g2", strict))
	wantReset(t, open)
	w.client.wantRefused(t, at(w.B4, 8080))
	w.server.waitLine(t, "direction=plaintext", "stage=relay", "reason=policy-change", "mTLS is strict: a/strict")
	w.server.waitLine(t, "direction=plaintext", "stage=policy", "reason=plaintext")
}

// Between a workload's new labels and the policies that they select nobody is let in whom
// the old ones denied: not by the earlier policies, not by the known ones of the new.
func TestPoliciesThatAreNotKnownYetLetNobodyIn(t *testing.T) {
	eachTransport(t, func(t *testing.T, w *two) {
		for _, port := range []uint16{8080, 8081, 8082} {
			w.server.serve(t, port, echoAll)
		}
		open, cut := w.client.talk(t, at(w.B4, 8081)), w.client.talk(t, at(w.B4, 8082))
		unknown := view("g2", deny(8082))
		unknown.Policies.Unknown = []string{"a/later"}
		<-w.server.work.SetView(unknown)
		w.client.wantRefused(t, at(w.B4, 8080))
		wantReset(t, cut)
		echoes(t, open)
		w.server.waitLine(t, "policies that are not known yet", "a/later")
		if g := w.server.work.Generation(); g != w.snapshot.Policies(w.server.workload).Generation {
			t.Errorf("generation %q in force", g)
		}
		<-w.server.work.SetView(view("g3", deny(8081)))
		wantReset(t, open)
		w.client.talk(t, at(w.B4, 8080))
	}, deny(8080))
}

// A policy of dry run decides nothing; what it would have done is in the record and counted.
// Conformance 62: dry run logs only.
func TestDryRunIsOnRecord(t *testing.T) {
	dry := deny(8080)
	dry.DryRun = true
	eachTransport(t, func(t *testing.T, w *two) {
		w.server.serve(t, 8080, echoAll)
		w.client.talk(t, at(w.B4, 8080)).Close()
		w.server.waitLine(t, "direction=inbound", "explicitly denied by: a/no-8080", "dry_run=")
		if n := w.server.work.Counters.DryRun.Load(); n != 1 {
			t.Errorf("counted %d times", n)
		}
	}, dry)
}

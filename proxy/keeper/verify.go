package keeper

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"net/http"
	"net/netip"
	"slices"
	"time"

	"golang.org/x/sync/errgroup"
	"golang.org/x/sys/unix"

	"github.com/bulkhead-mesh/bulkhead/identity"
	"github.com/bulkhead-mesh/bulkhead/proxy/admin"
	"github.com/bulkhead-mesh/bulkhead/proxy/hbone"
	"github.com/bulkhead-mesh/bulkhead/proxy/mesh"
	"github.com/bulkhead-mesh/bulkhead/proxy/probe"
	"github.com/bulkhead-mesh/bulkhead/proxy/tunnel"
	"github.com/bulkhead-mesh/bulkhead/redirect"
)

// verifyTogether is how many workloads are verified at a time: each costs its cell a few
// handshakes, and users come first.
const verifyTogether = 2

// target is a pod as it must be, at the moment when a verification begins.
type target struct {
	pod      *pod
	cell     string
	workload mesh.Workload
	known    bool // the mesh knows it
	policies mesh.PolicySet
	ports    redirect.Ports
	placed   Isolation
	drained  bool // nobody serves it, and nobody is let in: its rules say so
}

// targets are the pods of the node, or one of them.
func (k *Keeper) targets(only string) (all []*target) {
	s := k.snapshot.Load()
	k.do(func() {
		for uid, p := range k.pods {
			if only != "" && only != uid || p.dropped != nil {
				continue
			}
			t := &target{pod: p, cell: p.cell.group, ports: redirect.NodePorts, placed: p.placed, drained: p.drained}
			if p.placed == Sidecar {
				t.ports = redirect.SidecarPorts
			}
			if t.workload, t.known = workloadOf(s, uid); t.known {
				t.policies = s.Policies(t.workload)
			}
			all = append(all, t)
		}
	})
	slices.SortFunc(all, func(a, b *target) int { return cmp.Compare(a.pod.UID, b.pod.UID) })
	return all
}

// verify asks every workload of the node, or one, whether identity and policy are enforced
// now. It is real: nothing is taken from what a cell reports of itself.
func (k *Keeper) verify(ctx context.Context, only string) (admin.Verdict, error) {
	began := time.Now()
	v := admin.Verdict{Node: k.config.Node, At: began, Findings: []admin.Finding{}}
	all := k.targets(only)
	if only != "" && len(all) == 0 {
		return v, &notFound{fmt.Errorf("no pod %q on this node", only)}
	}
	results := make([]*examination, len(all))
	var group errgroup.Group
	group.SetLimit(verifyTogether)
	for i, t := range all {
		group.Go(func() error { results[i] = k.examine(ctx, t); return nil })
	}
	_ = group.Wait() // no function of it fails
	for _, e := range results {
		v.Workloads++
		v.Checks += e.checks
		v.Findings = append(v.Findings, e.findings...)
		if e.placed == None {
			v.Outside = append(v.Outside, e.pod.UID)
		}
	}
	v.Seconds = time.Since(began).Seconds()
	return v, context.Cause(ctx)
}

// examination is one workload under verification.
type examination struct {
	*target
	checks   int
	findings []admin.Finding
}

// check counts a check, and notes what is wrong.
func (e *examination) check(name string, wrong error) bool {
	e.checks++
	if wrong != nil {
		e.findings = append(e.findings, admin.Finding{Workload: e.pod.UID, Cell: e.cell, Check: name, Found: wrong.Error()})
	}
	return wrong == nil
}

func (k *Keeper) examine(ctx context.Context, t *target) *examination {
	e := &examination{target: t}
	e.check(admin.CheckRules, t.pod.rules.drift(t.pod))
	if k.config.Tunnels.QUIC.On {
		e.check(admin.CheckQUIC, k.lookAtDatagrams(t.pod))
	}
	if t.placed == None || t.drained {
		return e
	}
	if !t.known {
		e.check(admin.CheckIdentity, errors.New("the mesh does not know the workload: nobody can say what must be enforced"))
		return e
	}
	if !e.check(admin.CheckIdentity, k.prober.ready(ctx, t.workload.Identity.TrustDomain())) {
		return e
	}
	got, err := k.ask(ctx, t, k.prober.allowed)
	if !e.check(admin.CheckAllow, allowed(got, err, t)) {
		return e // it does not serve: that it lets nobody in proves nothing
	}
	e.check(admin.CheckSVID, fresh(got, time.Now()))
	if t.placed != Sidecar { // which has policies of its own source, maybe a push ahead or behind
		e.check(admin.CheckPolicy, e.judges(got))
	}
	e.check(admin.CheckDeny, k.denied(ctx, t))
	e.check(admin.CheckForgery, k.refused(ctx, t, k.prober.forged, "a forged SVID of this trust domain"))
	e.check(admin.CheckStranger, k.refused(ctx, t, k.prober.stranger, "an SVID of another trust domain"))
	e.check(admin.CheckPlaintext, k.plaintext(ctx, t))
	return e
}

func allowed(a probe.Answer, err error, t *target) error {
	switch {
	case err != nil:
		return fmt.Errorf("the allowed probe is not served: %w", err)
	case a.Workload != t.pod.UID:
		return fmt.Errorf("%s answers in its place", a.Workload)
	}
	return nil
}

// fresh wants more than a quarter of the SVID's life: it is rotated at half, and whoever
// has not managed that in half of the rest has a CA that does not answer.
func fresh(a probe.Answer, now time.Time) error {
	if left := a.NotAfter.Sub(now); left < a.NotAfter.Sub(a.NotBefore)/4 {
		return fmt.Errorf("its SVID ends in %s, and has not been rotated", left.Round(time.Second))
	}
	return nil
}

func (e *examination) judges(a probe.Answer) error {
	if a.Generation != e.policies.Generation {
		return fmt.Errorf("it judges by policies of generation %s, and the keeper knows %s", a.Generation, e.policies.Generation)
	}
	return nil
}

// denied wants the no of the policy, and nothing else: a connection that failed for
// another reason has shown nothing.
func (k *Keeper) denied(ctx context.Context, t *target) error {
	_, err := k.ask(ctx, t, k.prober.denied)
	var status *tunnel.StatusError
	switch {
	case err == nil:
		return errors.New("THE DENIED PROBE IS SERVED: policy is not enforced")
	case errors.As(err, &status) && status.Status == hbone.StatusUnauthorized:
		return nil
	}
	return fmt.Errorf("the denied probe fails, but not for policy: %w", err)
}

// refused wants the handshake to fail.
func (k *Keeper) refused(ctx context.Context, t *target, as identity.Source, what string) error {
	_, err := k.ask(ctx, t, as)
	var handshake *probe.HandshakeError
	switch {
	case errors.As(err, &handshake) && ctx.Err() == nil && !errors.Is(err, context.DeadlineExceeded):
		return nil
	case err == nil:
		return fmt.Errorf("%s IS SERVED: identity is not verified", what)
	}
	return fmt.Errorf("%s is not refused in the handshake: %w", what, err)
}

// plaintext wants what the keeper's own view of the policies says.
func (k *Keeper) plaintext(ctx context.Context, t *target) error {
	probing := mesh.Connection{Source: redirect.Probe, Destination: netip.AddrPortFrom(t.workload.Address(), redirect.ProbePort)}
	strict := t.policies.Decide(probing).Reason == mesh.ReasonPlaintext
	ctx, cancel := context.WithTimeout(ctx, probeTimeout)
	defer cancel()
	c, err := t.pod.probeDial(ctx, t.ports.Plaintext)
	switch {
	case err == nil:
		err = probe.Plaintext(ctx, c)
	case errors.Is(err, unix.ECONNRESET): // it was accepted and refused before this end had looked
		err = probe.ErrRefused
	default:
		return fmt.Errorf("its plaintext listener: %w", err)
	}
	switch {
	case strict && err == nil:
		return errors.New("PLAINTEXT IS SERVED, although mTLS is strict")
	case strict && errors.Is(err, probe.ErrRefused), !strict && err == nil:
		return nil
	case !strict && errors.Is(err, probe.ErrRefused):
		return errors.New("plaintext is refused, although mTLS is permissive")
	}
	return fmt.Errorf("plaintext: %w", err)
}

func (k *Keeper) postVerify(w http.ResponseWriter, r *http.Request) {
	ctx, cancel := context.WithTimeoutCause(r.Context(), podTimeout, errors.New("the verification took too long"))
	defer cancel()
	v, err := k.verify(ctx, r.URL.Query().Get("workload"))
	answer(w, err, v)
}

package lab

import (
	"context"
	"errors"
	"slices"
	"strings"
	"testing"

	"github.com/bulkhead-mesh/bulkhead/proxy/jail/cgroup"
)

// What faults need of a lab, in a placement that serves: a client in a pod, rules that can
// be flushed and come back, a quota that can be cut and given back.
func checkAbilities(t *testing.T, l *Lab) {
	t.Helper()
	const pod = "tenant-a/checkout"
	if answered, note, err := l.Send(t.Context(), pod, "a text"); !answered || err != nil || !strings.Contains(note, "tenant-a/db") {
		t.Errorf("send: %v, %q, %v", answered, note, err)
	}
	var nobody *NobodyAskedError
	if _, _, err := l.Send(t.Context(), "tenant-a/db", "a text"); !errors.As(err, &nobody) {
		t.Errorf("a pod that talks to nobody sends: %v", err)
	}
	checkFlush(t, l, pod)
	checkQuota(t, l, pod)
	if procs, err := l.Containers(pod); err != nil || len(procs) == 0 || procs[0].PID == 0 {
		t.Errorf("containers: %+v, %v", procs, err)
	}
}

func checkFlush(t *testing.T, l *Lab, pod string) {
	t.Helper()
	if err := errors.Join(l.RulesInForce(pod), l.FlushRules(pod)); err != nil {
		t.Fatal(err)
	}
	// A keeper puts them back by itself, perhaps in this very moment.
	if err := l.RulesInForce(pod); err == nil && !l.dataPlane().subject.OnNode() {
		t.Error("flushed rules are in force")
	}
	if err := l.Recapture(context.WithoutCancel(t.Context()), pod); err != nil {
		t.Error(err)
	}
}

func checkQuota(t *testing.T, l *Lab, pod string) {
	t.Helper()
	procs, err := l.DataPlane(pod)
	if err != nil || len(procs) == 0 {
		t.Fatalf("%+v, %v", procs, err)
	}
	_, restore, err := l.Throttle(pod, 0.5)
	if errors.Is(err, cgroup.ErrNotEnforceable) {
		return
	}
	if err != nil {
		t.Fatal(err)
	}
	_, cut, err := l.quota(procs[0])
	if err != nil {
		t.Error(err)
	}
	if err := restore(); err != nil {
		t.Error(err)
	}
	if _, now, err := l.quota(procs[0]); err != nil || now != 2*cut {
		t.Errorf("%v cores while cut to the half, %v afterwards, %v", cut, now, err)
	}
}

// Every proxy says who serves its mesh, and by what it judges whom it serves. A second
// server is there where it was asked for, and nowhere else.
func checkHearings(t *testing.T, l *Lab, two bool) {
	t.Helper()
	if there := len(l.Control(Replica)) > 0; there != two {
		t.Errorf("a second control runs: %v", there)
	}
	all, err := l.Hearings(t.Context())
	if err != nil || len(all) != len(l.AdminSockets()) {
		t.Errorf("%d hearings: %v", len(all), err)
	}
	for _, h := range all {
		if !slices.Contains(l.servers(), h.From) || h.Refused != "" || len(h.Generations) == 0 {
			t.Errorf("%+v", h)
		}
		for pod, generation := range h.Generations {
			if generation == "" {
				t.Errorf("%s says nothing of the policies of %s", h.Proxy, pod)
			}
		}
	}
}

package trust

import (
	"slices"
	"strings"
	"testing"
	"time"
)

func row(t *testing.T, res *Result, process string) Row {
	t.Helper()
	i := slices.IndexFunc(res.Rows, func(r Row) bool { return r.Process == process })
	if i < 0 {
		t.Fatalf("no row of %s", process)
	}
	return res.Rows[i]
}

func TestWhatACellExposes(t *testing.T) {
	res := Judge(story())
	if len(res.Findings) != 0 {
		t.Fatalf("findings in a story where all is well: %q", res.Findings)
	}
	a := row(t, res, "node-1 a")
	if a.Keys != 1 || !slices.Equal(a.Exposed, []string{"a/checkout", "a/checkout-2"}) {
		t.Errorf("%d key exposes %v; want one, of both replicas", a.Keys, a.Exposed)
	}
	if a.Plaintext != 3 || len(a.Netns) != 3 {
		t.Errorf("%d flows, namespaces %v; want 3 and 3", a.Plaintext, a.Netns)
	}
	b := row(t, res, "node-1 b")
	if b.TimeLeft[leftExpired] != 1 || b.TimeLeft[leftQuarter] != 1 {
		t.Errorf("time left of an old and a short key: %v", b.TimeLeft)
	}
	if b.Plaintext != 2 || !slices.Equal(b.Netns, []string{"b/web"}) {
		t.Errorf("%d flows, namespaces %v; want 2 and its own", b.Plaintext, b.Netns)
	}
	if k := row(t, res, "node-1 keeper"); k.Keys != 0 || k.Plaintext != 0 || len(k.Signable) != 2 {
		t.Errorf("keeper: %d keys, %d flows, can have %v signed", k.Keys, k.Plaintext, k.Signable)
	}
}

// TestTheKeysOfTheProbe: a keeper that has verified holds them, and nobody else may.
func TestTheKeysOfTheProbe(t *testing.T) {
	for _, role := range []string{RoleKeeper, RoleCell} {
		r := story()
		s := &r.Subjects[0]
		s.Issued = append(s.Issued, Issued{Identity: "spiffe://cluster.local/ns/bulkhead-system/sa/probe", PublicKey: []byte{1}, NotAfter: s.At.Add(time.Minute)})
		i := slices.IndexFunc(s.Processes, func(p Process) bool { return p.Role == role })
		p := &s.Processes[i]
		p.Found = append(p.Found, Found{Key: len(s.Issued) - 1})
		res := Judge(r)
		if got := len(res.Findings) > 0; got != (role == RoleCell) || row(t, res, p.Name).Keys != len(p.Found) {
			t.Errorf("%s: findings %q", role, res.Findings)
		}
	}
}

// TestFindings: each thing that must not be is found, and named.
func TestFindings(t *testing.T) {
	for name, c := range map[string]struct {
		spoil func(*Record)
		want  string
	}{
		"a key of another workload": {func(r *Record) {
			p := &r.Subjects[0].Processes[0]
			p.Found = append(p.Found, Found{Key: 1})
		}, "node-1 a holds keys that are not of its workloads"},
		"a key in the keeper": {func(r *Record) {
			r.Subjects[0].Processes[2].Found = []Found{{Key: 0}}
		}, "node-1 keeper holds keys"},
		"one key in two cells": {func(r *Record) {
			s := &r.Subjects[0]
			s.Processes[1].Pods = append(s.Processes[1].Pods, "a/checkout-2")
			s.Processes[1].Found = append(s.Processes[1].Found, Found{Key: 0})
		}, "is in node-1 a and in node-1 b"},
		"the scan finds nothing": {func(r *Record) { r.Subjects[0].Processes[0].Found = nil }, "control failed: no key of a/checkout "},
		"another's SVID": {func(r *Record) {
			r.Subjects[0].Attempts[1].Outcome = Succeeded
		}, "reached b/web: SVID from the keeper"},
		"the node": {func(r *Record) { r.Subjects[0].Attempts[3].Outcome = Succeeded }, "reached node-1: setns"},
		"aborted":  {func(r *Record) { r.Aborted = "it was interrupted" }, "not whole: it was interrupted"},
	} {
		r := story()
		c.spoil(r)
		if err := r.Validate(); err != nil {
			t.Fatal(err)
		}
		if all := strings.Join(Judge(r).Findings, "\n"); !strings.Contains(all, c.want) {
			t.Errorf("%s: findings %q, want one with %q", name, all, c.want)
		}
	}
}

// TestTheGroupIsTheThiefs: an application owns only its own pod, a cell all of its.
func TestTheGroupIsTheThiefs(t *testing.T) {
	r := story()
	s := &r.Subjects[0]
	for _, c := range []struct {
		by, target string
		inside     bool
	}{
		{ByCell, "a/checkout-2", true}, {ByCell, "b/web", false}, {ByCell, "keeper", false}, {ByCell, Self, true},
		{ByApplication, "a/checkout", true}, {ByApplication, "a/checkout-2", false},
	} {
		if got := r.Inside(s, Attempt{By: c.by, Target: c.target}); got != c.inside {
			t.Errorf("%s against %s: inside %v", c.by, c.target, got)
		}
	}
}

// TestKindsKeepTheOrder: a kind that only later subjects have stands where they tried it.
func TestKindsKeepTheOrder(t *testing.T) {
	of := func(kinds ...string) (s Subject) {
		for _, k := range kinds {
			s.Attempts = append(s.Attempts, Attempt{By: ByCell, Kind: k}, Attempt{By: ByApplication, Kind: "other"})
		}
		return s
	}
	r := &Record{Subjects: []Subject{of("ca", "setns", "setns", "fork"), of("keeper", "ca", "signal", "setns", "fork", "last")}}
	if got, want := r.Kinds(ByCell), []string{"keeper", "ca", "signal", "setns", "fork", "last"}; !slices.Equal(got, want) {
		t.Errorf("kinds %q, want %q", got, want)
	}
}

func TestLeftClass(t *testing.T) {
	for left, want := range map[time.Duration]string{
		0: leftExpired, -1: leftExpired, 1: leftQuarter, 15 * time.Minute: leftHalf, 30 * time.Minute: leftHour,
		time.Hour - 1: leftHour, time.Hour: leftMore,
	} {
		if got := leftClass(left); got != want {
			t.Errorf("%v is %q, want %q", left, got, want)
		}
	}
}

package keeper

import (
	"testing"
	"time"

	"github.com/bulkhead-mesh/bulkhead/proxy/mesh"
	"github.com/bulkhead-mesh/bulkhead/proxy/telemetry"
)

// The parts of a cell's CPU time are in proportion to the work, and always make the whole.
func TestCPUTimeIsSharedOut(t *testing.T) {
	var s spent
	counts := func(a, b telemetry.Counts) map[string]telemetry.Counts {
		return map[string]telemetry.Counts{"a": a, "b": b}
	}
	s.look(time.Second, counts(telemetry.Counts{Opened: 300}, telemetry.Counts{Opened: 100}))
	if s.of["a"] != 750*time.Millisecond || s.of["b"] != 250*time.Millisecond {
		t.Errorf("by connections: %v", s.of)
	}
	s.look(3*time.Second, counts(telemetry.Counts{Opened: 300}, telemetry.Counts{Opened: 100, Sent: 1 << 30}))
	if s.of["a"] != 750*time.Millisecond || s.of["b"] != 2250*time.Millisecond {
		t.Errorf("by bytes: %v", s.of)
	}
	s.look(5*time.Second, counts(telemetry.Counts{Opened: 300}, telemetry.Counts{Opened: 100, Sent: 1 << 30}))
	if s.of["a"] != 1750*time.Millisecond || s.of["b"] != 3250*time.Millisecond {
		t.Errorf("without work: %v", s.of)
	}
	s.look(6*time.Second, map[string]telemetry.Counts{"b": {Opened: 101, Sent: 1 << 30}})
	if _, ok := s.of["a"]; ok || s.of["b"] != 4250*time.Millisecond {
		t.Errorf("alone: %v", s.of)
	}
	s.look(time.Second, map[string]telemetry.Counts{"b": {Opened: 102, Sent: 1 << 30}})
	if s.of["b"] != 5250*time.Millisecond {
		t.Errorf("with a clock that began anew: %v", s.of)
	}
}

// A workload is behind from the moment that the keeper sees it until its cell says that it
// is judged by the policies of the mesh.
func TestWorkloadsThatAreBehind(t *testing.T) {
	k, _, _ := newTalkingKeeper(t)
	s := k.snapshot.Load()
	w, ok := s.Workload("a/own")
	if !ok {
		t.Fatal("no workload")
	}
	c, p := newCell("workload/a/own"), newPod(Pod{UID: "a/own"}, nil)
	x := &process{cell: c, views: map[string]string{}}
	c.current, p.cell = x, c
	k.pods["a/own"] = p
	begin := time.Now()
	at := func(seconds int) time.Duration {
		now := begin.Add(time.Duration(seconds) * time.Second)
		k.checkGenerations(now)
		return k.behind.of("a/own", now)
	}
	if d := at(0); d != 0 {
		t.Errorf("nothing has been said, and it is behind for %v", d)
	}
	x.views["a/own"] = "old"
	at(1)
	if d := at(3); d != 2*time.Second {
		t.Errorf("behind for %v", d)
	}
	x.views["a/own"] = s.Policies(w).Generation
	if d := at(4); d != 0 {
		t.Errorf("it has caught up, and is behind for %v", d)
	}
	var change mesh.Change
	if err := change.SetPolicy(mesh.Policy{Name: "p", Namespace: "a", Scope: mesh.ScopeNamespace, Action: mesh.Deny}); err != nil {
		t.Fatal(err)
	}
	denied, _ := s.With(change, s.Version()+1)
	k.snapshot.Store(denied)
	at(5)
	if d := at(6); d != time.Second {
		t.Errorf("the mesh has changed, and it is behind for %v", d)
	}
}

package measure

import (
	"testing"
	"time"
)

// What counts for what: drills by their data plane, nulls and operations by their silence,
// records that must not be used not at all.
func TestScore(t *testing.T) {
	right, wrong := Said{"cell n1 shared", "crash", true, second}, Said{"cell n1 shared", "hang", false, second}
	of := func(drill, subject, kind string, said ...Said) Triage {
		x := Triage{Subject: subject, Kind: kind, Scored: true, Looks: 3, Said: said, Hit: []string{"a/x"}}
		for _, s := range said {
			x.Named = x.Named || s.Right
		}
		if x.Named {
			x.After, x.Victims, x.Found, x.Commands = second, []string{"a/x", "b/y"}, 1, len(said)
		}
		return x
	}
	s := NewScore()
	s.Add(&Run{Drill: Crash}, &Result{Triage: []Triage{
		of(Crash, "shared", Crash, right, wrong), of(Crash, "shared", Crash, wrong), of(Crash, "sidecar", Crash, right),
		of(Crash, "shared", Null), of(Crash, "shared", Null, wrong), {Subject: "shared", Kind: Crash, Skipped: true},
		{Subject: "workload", Kind: Crash, Scored: true}, // nobody was hit
	}})
	s.Add(&Run{Drill: "drain"}, &Result{Triage: []Triage{of("drain", "shared", "drain"), of("drain", "workload", "drain", wrong)}})
	s.Add(&Run{Drill: "hang"}, &Result{Invalid: []string{"it stalled"}, Triage: []Triage{of("hang", "shared", "hang", right)}})
	s.Add(&Run{Drill: "nap"}, &Result{Triage: []Triage{{Subject: "shared", Kind: "nap"}}})
	s.Add(&Run{Drill: "slow"}, &Result{}) // nobody watched
	all := s.All()
	if all.Named != 2 || all.Of != 3 || all.Hit != 2 || all.Found != 2 || all.Vain != 2 || len(all.After) != 2 || all.After[0] != time.Second {
		t.Errorf("%+v", all)
	}
	if len(all.Commands) != 2 || all.Commands[0] != 1 || all.Commands[1] != 2 {
		t.Errorf("commands: %v", all.Commands)
	}
	if side := s.Groups[1]; side.Name != sidecars || side.Named != 1 || side.Of != 1 {
		t.Errorf("%+v", side)
	}
	if s.Nulls.Segments != 2 || len(s.Nulls.Spoke) != 1 || s.Operations.Segments != 2 || len(s.Operations.Spoke) != 1 || s.Operations.Spoke[0].Subject != "workload" {
		t.Errorf("nulls %+v, operations %+v", s.Nulls, s.Operations)
	}
	if len(s.Misses) != 1 || s.Misses[0].Drill != Crash || s.Quiet != 1 || len(s.Invalid) != 1 || len(s.Without) != 1 {
		t.Errorf("%+v", s)
	}
}

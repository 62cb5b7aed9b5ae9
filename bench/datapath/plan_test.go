package datapath

import (
	"errors"
	"slices"
	"testing"
	"time"

	"github.com/bulkhead-mesh/bulkhead/bench/datapath/verdict"
	"github.com/bulkhead-mesh/bulkhead/bench/lab"
	"github.com/bulkhead-mesh/bulkhead/bench/peers"
)

func params() Params {
	return Params{
		Rounds: 3, Rows: []string{verdict.Up1, verdict.New}, Subjects: []string{verdict.Bulkhead, verdict.BulkheadPoolOff, peers.Direct, peers.Splice},
		Isolation: lab.PerWorkload, Seed: 1, For: time.Second,
	}
}

// TestTurns: everything once in every round, neighbours in a row, and in another order each
// time; the subject without a pool only where connections are new.
func TestTurns(t *testing.T) {
	p := params()
	all := p.turns()
	seen := make(map[string]int)
	for i, one := range all {
		seen[one.row.name+" "+one.subject]++
		if i > 0 && all[i-1].round > one.round {
			t.Errorf("turn %d is of round %d, after round %d", i, one.round, all[i-1].round)
		}
	}
	if len(all) != p.Rounds*7 || seen["up1 bulkhead-pool-off"] != 0 || seen["crr bulkhead-pool-off"] != p.Rounds || seen["up1 direct"] != p.Rounds {
		t.Errorf("%d turns: %v", len(all), seen)
	}
	order := func(from int) (s []string) {
		for _, one := range all[from : from+3] {
			s = append(s, one.subject)
		}
		return s
	}
	if slices.Equal(order(0), order(7)) && slices.Equal(order(0), order(14)) {
		t.Error("the order is the same in each round")
	}
	if again := p.turns(); !slices.EqualFunc(all, again, func(a, b planned) bool { return a.subject == b.subject && a.row.name == b.row.name }) {
		t.Error("the same seed makes another order")
	}
}

func TestEveryRowOfTheTableIsMeasured(t *testing.T) {
	usual := Params{Isolation: lab.PerWorkload}.Complete()
	names := usual.Rows
	for _, r := range verdict.Rows() {
		if !slices.Contains(names, r.Name) {
			t.Errorf("row %s, %s is not among those of a usual run", r.Name, r.Metric)
		}
		if !slices.Contains(usual.Subjects, r.Subject) {
			t.Errorf("row %s, %s is about %s, which a usual run does not measure", r.Name, r.Metric, r.Subject)
		}
	}
	if !slices.Contains(usual.Subjects, verdict.PlainQUIC) { // the other peers are programs, which a machine may not have
		t.Errorf("%s is not measured", verdict.PlainQUIC)
	}
	if slices.Contains(names, Idle50k) {
		t.Errorf("%s is for those who ask for it", Idle50k)
	}
	for _, r := range rows {
		if err := r.with(nil, time.Second).Validate(); err == nil {
			t.Errorf("row %s: a job without a server is valid", r.name)
		}
	}
}

func TestValidate(t *testing.T) {
	if err := params().Validate(); err != nil {
		t.Fatal(err)
	}
	for name, spoil := range map[string]func(*Params){
		"no rounds":       func(p *Params) { p.Rounds = 0 },
		"too short":       func(p *Params) { p.For = time.Millisecond },
		"isolation":       func(p *Params) { p.Isolation = "both" },
		"no node":         func(p *Params) { p.Isolation = lab.Sidecar },
		"row":             func(p *Params) { p.Rows = []string{"down"} },
		"row twice":       func(p *Params) { p.Rows = []string{verdict.Up1, verdict.Up1} },
		"subject":         func(p *Params) { p.Subjects = []string{"envoy"} },
		"subject twice":   func(p *Params) { p.Subjects = []string{peers.Direct, peers.Direct} },
		"nothing to do":   func(p *Params) { p.Rows, p.Subjects = []string{verdict.Up1}, []string{verdict.BulkheadPoolOff} },
		"build is a peer": func(p *Params) { p.Builds = []Build{{peers.Nginx, "/"}} },
		"build is empty":  func(p *Params) { p.Builds = []Build{{"before", t.TempDir()}} },
	} {
		p := params()
		spoil(&p)
		var misuse *lab.Misuse
		if err := p.Validate(); !errors.As(err, &misuse) {
			t.Errorf("%s: %v, want a *lab.Misuse", name, err)
		}
	}
}

func TestParseBuild(t *testing.T) {
	if b, err := ParseBuild("before=/a=b"); err != nil || b != (Build{"before", "/a=b"}) {
		t.Errorf("%+v, %v", b, err)
	}
	for _, bad := range []string{"", "before", "=dir", "before="} {
		if _, err := ParseBuild(bad); err == nil {
			t.Errorf("%q is a build", bad)
		}
	}
}

func TestDescribe(t *testing.T) {
	p := params()
	r := p.Describe()
	if len(r.Rows) != 5 || len(r.Subjects) != 4 || r.Rounds != 3 || r.Go == "" || r.Kernel == "" {
		t.Errorf("%+v", r)
	}
}

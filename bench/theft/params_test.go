package theft

import (
	"errors"
	"testing"

	"github.com/bulkhead-mesh/bulkhead/bench/lab"
)

func TestParams(t *testing.T) {
	good := Params{Isolations: DefaultIsolations, Culprit: "tenant-a/checkout", TimeScale: 0.1}
	if err := good.Validate(lab.Replicated()); err != nil {
		t.Fatal(err)
	}
	for name, spoil := range map[string]func(*Params){
		"nothing":          func(p *Params) { p.Isolations = nil },
		"none":             func(p *Params) { p.Isolations = []string{lab.None} },
		"twice":            func(p *Params) { p.Isolations = []string{lab.Shared, lab.Shared} },
		"unknown culprit":  func(p *Params) { p.Culprit = "tenant-a/nobody" },
		"culprit uncapped": func(p *Params) { p.Culprit = "sentinel/a" },
		"no time":          func(p *Params) { p.TimeScale = 0 },
	} {
		p := good
		spoil(&p)
		var misuse *lab.Misuse
		if err := p.Validate(lab.Replicated()); !errors.As(err, &misuse) {
			t.Errorf("%s: %v", name, err)
		}
	}
}

func TestRecordKnowsReplicas(t *testing.T) {
	r, err := Params{Culprit: "tenant-a/checkout"}.record(lab.Replicated(), "x")
	if err != nil {
		t.Fatal(err)
	}
	if err := r.Validate(); err != nil {
		t.Fatal(err)
	}
	by := map[string]string{}
	for _, w := range r.Workloads {
		by[w.Name] = w.Identity
	}
	if by["tenant-a/checkout"] == "" || by["tenant-a/checkout"] != by["tenant-a/checkout-2"] {
		t.Errorf("replicas have the identities %q and %q", by["tenant-a/checkout"], by["tenant-a/checkout-2"])
	}
}

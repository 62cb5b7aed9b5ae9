package trial

import (
	"errors"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/bulkhead-mesh/bulkhead/bench/cost"
	"github.com/bulkhead-mesh/bulkhead/bench/lab"
	"github.com/bulkhead-mesh/bulkhead/bench/load"
)

func usual() Params {
	return Params{Sizes: []int{10}, Isolations: []string{lab.Sidecar, lab.Shared}, Repeat: 2, Seed: 7, Times: DefaultTimes()}
}

func TestValidate(t *testing.T) {
	if err := usual().Validate(); err != nil {
		t.Fatal(err)
	}
	for _, c := range []struct {
		spoil func(*Params)
		want  string
	}{
		{func(p *Params) { p.Sizes = nil }, "no number of pods"},
		{func(p *Params) { p.Sizes = []int{0} }, "0 pods on a node: use 1 to 200"},
		{func(p *Params) { p.Sizes = []int{201} }, "use 1 to 200"},
		{func(p *Params) { p.Sizes = []int{10, 10} }, "10 pods are given twice"},
		{func(p *Params) { p.Isolations = nil }, "no isolation given"},
		{func(p *Params) { p.Isolations = []string{"apart"} }, "use one of none, sidecar"},
		{func(p *Params) { p.Isolations = []string{lab.Shared, lab.Shared} }, "given twice"},
		{func(p *Params) { p.Repeat = 0 }, "outside 1 to 100"},
		{func(p *Params) { p.Times.Load = 0 }, "outside 1s to 1h"},
		{func(p *Params) { p.Times.Settle = -1 }, "outside 0 to 1h"},
	} {
		p := usual()
		c.spoil(&p)
		err := p.Validate()
		var misuse *lab.Misuse
		if !errors.As(err, &misuse) || !strings.Contains(err.Error(), c.want) {
			t.Errorf("%v, want misuse with %q", err, c.want)
		}
	}
}

// TestNoneIsAdded: everything is compared with it.
func TestNoneIsAdded(t *testing.T) {
	if got := usual().Complete().Isolations; !slices.Equal(got, []string{cost.None, lab.Sidecar, lab.Shared}) {
		t.Errorf("%v", got)
	}
	p := usual()
	p.Isolations = []string{lab.Shared, lab.None}
	if got := p.Complete().Isolations; !slices.Equal(got, p.Isolations) {
		t.Errorf("%v became %v", p.Isolations, got)
	}
}

func TestOrder(t *testing.T) {
	if !slices.Equal(order(7, 10, 0, 6), order(7, 10, 0, 6)) {
		t.Error("a seed has two orders")
	}
	differ := false
	for round := range 5 {
		differ = differ || !slices.Equal(order(7, 10, round, 6), order(7, 10, round+1, 6))
	}
	if !differ {
		t.Error("all rounds have one order: what is slow in a minute would be slow in a row")
	}
}

// TestPlan: the load is the same for any number of pods; while processes are replaced
// every pod holds exactly one connection.
func TestPlan(t *testing.T) {
	for _, pods := range []int{1, 3, 10, 110} {
		d, err := lab.Dense(pods)
		if err != nil {
			t.Fatal(err)
		}
		p := newPlan(usual(), d)
		if want := 2 * min(pods, 8); len(p.steady()) != want {
			t.Errorf("%d pods: %d flows, want %d", pods, len(p.steady()), want)
		}
		flows, longLived := p.held()
		if longLived != pods {
			t.Errorf("%d pods hold %d connections", pods, longLived)
		}
		pod := make(map[string]int)
		for _, f := range flows {
			if f.Kind == load.Reused {
				pod[f.From]++
				for _, other := range d.Pods {
					if other.IPv4 == f.Target.Addr() {
						pod[other.Name()]++
					}
				}
			}
		}
		for i, f := range p.all {
			if f.ID != i || f.Validate() != nil {
				t.Errorf("flow %d has number %d: %v", i, f.ID, f.Validate())
			}
		}
		for _, one := range d.Pods {
			if one.Node == lab.DenseNode && pod[one.Name()] != 1 {
				t.Errorf("%d pods: %s holds %d connections", pods, one.Name(), pod[one.Name()])
			}
		}
	}
}

func TestCandidates(t *testing.T) {
	d, err := lab.Dense(10)
	if err != nil {
		t.Fatal(err)
	}
	if first, replica := candidates(d); first != "tenant-1/app-1-1" || replica != "tenant-1/app-2-2" {
		t.Errorf("%s, %s", first, replica)
	}
	one, err := lab.Dense(1)
	if err != nil {
		t.Fatal(err)
	}
	if first, replica := candidates(one); first == "" || replica != "" {
		t.Errorf("of one pod: %q, %q", first, replica)
	}
}

// TestHost: a machine has memory and CPUs, wherever it is.
func TestHost(t *testing.T) {
	r := New(usual(), nil).describe("id")
	if r.Memory <= 0 || r.Host.CPUs <= 0 || r.Host.Kernel == "" || time.Duration(r.Rotation) != 29*time.Minute+30*time.Second {
		t.Errorf("%+v", r)
	}
}

package trial

import (
	"fmt"
	"math/rand/v2"
	"time"

	"github.com/bulkhead-mesh/bulkhead/bench/lab"
	"github.com/bulkhead-mesh/bulkhead/bench/load"
)

// plan is the flows of a size, the same for every isolation.
type plan struct {
	all  []lab.Flow // in the order of their numbers
	load int        // the first so many are the load
}

// newPlan makes two flows for each edge of the topology, one with a connection per
// request and one with a long-lived connection: the load, which is the same however
// many pods there are. While processes are replaced every pod of the node holds one
// long-lived connection instead, to a peer or from one by turns, and the edges' new
// connections go on.
func newPlan(p Params, t lab.Topology) plan {
	var f plan
	offsets := rand.New(rand.NewPCG(uint64(p.Seed), 0))
	add := func(e lab.Edge, kind string, period time.Duration) {
		f.all = append(f.all, lab.Flow{From: e.From, Flow: load.Flow{
			ID: len(f.all), Kind: kind, Target: t.Target(e), Period: period,
			Offset: time.Duration(offsets.Int64N(int64(period))), Timeout: timeout, ExpectPeer: t.Source(e),
		}})
	}
	for _, e := range t.Edges {
		add(e, load.Reused, p.Times.Reused)
	}
	for _, e := range t.Edges {
		add(e, load.New, p.Times.New)
	}
	f.load = len(f.all)
	for i, pod := range t.Pods {
		if pod.Node != lab.DenseNode {
			continue
		}
		other := fmt.Sprintf("peer/%c", 'a'+i%3)
		e := lab.Edge{From: pod.Name(), To: other}
		if i%2 == 1 {
			e = lab.Edge{From: other, To: pod.Name()}
		}
		add(e, load.Reused, p.Times.Held)
	}
	return f
}

// steady is the load.
func (f plan) steady() []lab.Flow { return f.all[:f.load] }

// held is what goes on while processes are replaced, and how many connections of it
// are long-lived.
func (f plan) held() (flows []lab.Flow, longLived int) {
	for _, one := range f.all {
		switch {
		case one.ID >= f.load:
			flows = append(flows, one)
			longLived++
		case one.Kind == load.New:
			flows = append(flows, one)
		}
	}
	return flows, longLived
}

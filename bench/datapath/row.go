package datapath

import (
	"fmt"
	"net/netip"
	"slices"
	"strings"
	"time"

	"github.com/bulkhead-mesh/bulkhead/bench/datapath/engine"
	"github.com/bulkhead-mesh/bulkhead/bench/datapath/verdict"
	"github.com/bulkhead-mesh/bulkhead/bench/peers"
)

// row is a load.
type row struct {
	name string
	job  engine.Job // without To and For
	// beside is what else the client does meanwhile, from a process of its own.
	beside *engine.Job
	// unpooled rows also have the subject whose connections share no tunnel.
	unpooled bool
	// pairs of pods have the job, each; 0 is 1. A process may have too few descriptors for
	// all connections of a row.
	pairs int
	// rest is how long CPU time is measured while all connections are idle.
	rest time.Duration
	// without are subjects that a run which names none leaves out: a row in which every
	// turn waits until memory has come to rest takes as long as all others together.
	without []string
	// onRequest rows are not among those of a run that names none.
	onRequest bool
	// quick rows are those of a first look.
	quick bool
}

// Idle50k is no row of the table: it shows that memory does not grow with connections.
const Idle50k = "idle50k"

// rows in the order of the table.
var rows = []row{
	{name: verdict.Up1, job: engine.Job{Mode: engine.Up, Connections: 1}, quick: true},
	{name: verdict.Up16, job: engine.Job{Mode: engine.Up, Connections: 16}},
	{name: verdict.Echo64, job: engine.Job{Mode: engine.RR, Connections: 16, Size: 64}, quick: true},
	{name: verdict.Echo64K, job: engine.Job{Mode: engine.RR, Connections: 16, Size: 64 << 10}},
	{name: verdict.Paced, job: engine.Job{Mode: engine.RR, Connections: 16, Size: 64, Rate: 2000}},
	{name: verdict.New, job: engine.Job{Mode: engine.CRR, Connections: 16, Size: 64}, unpooled: true, quick: true},
	{name: verdict.Beside, job: engine.Job{Mode: engine.RR, Connections: 8, Size: 64, Rate: 500}, beside: &engine.Job{Mode: engine.Up, Connections: 1}},
	{name: verdict.Idle, job: engine.Job{Mode: engine.Idle, Size: 64, Connections: 1010, Stages: []int{10, 1010}},
		without: []string{peers.Direct, peers.Splice, peers.XNet, peers.NginxTuned, peers.Haproxy, peers.HaproxyTuned}},
	{name: Idle50k, job: engine.Job{Mode: engine.Idle, Size: 64, Connections: 12_500, Stages: []int{25, 2500, 6250, 12_500}},
		pairs: 4, rest: 10 * time.Second, onRequest: true},
}

// with is the row's job for a server.
func (r row) with(to []netip.AddrPort, lasts time.Duration) engine.Job {
	j := r.job
	j.To = to
	if j.Mode != engine.Idle {
		j.For = lasts
	}
	return j
}

// RowNames are those of all rows, in the order of the table.
func RowNames() (names []string) {
	for _, r := range rows {
		names = append(names, r.name)
	}
	return names
}

func findRow(name string) (row, error) {
	i := slices.IndexFunc(rows, func(r row) bool { return r.name == name })
	if i < 0 {
		return row{}, fmt.Errorf("row %q is not known: use some of %s", name, strings.Join(RowNames(), ", "))
	}
	return rows[i], nil
}

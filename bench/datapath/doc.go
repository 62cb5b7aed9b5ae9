// Package datapath measures the data path of one node to another, and what people would
// otherwise put in its place, in one interleaved run.
//
//	p := datapath.Params{Isolation: lab.PerWorkload, Seed: 7, For: time.Second, Rounds: 9}.Complete()
//	topology, err := p.Topology()
//	l, err := lab.New(lab.Options{Topology: topology, …}) // and l.Up
//	err = datapath.New(p, say, took).Run(ctx, l)
//
// A run is a list of turns: in each round every row, in each row every subject, in the
// seed's order. A turn is: start the subject, have the load's client connect and warm it
// up, read the clocks, measure, read the clocks, end the subject. So every turn begins
// with the same processes, as old as all others.
//
// # Placement
//
// All of the client's side is on one CPU and all of the server's on another: the ends of
// the load as well as the proxies. Four processes then share two CPUs, and a rate is as
// much a measure of CPU time as the account of it is.
//
// # The load
//
// Package engine makes it, in processes of their own in the lab's two pods.
package datapath

// Package crowd is the noise of a noisy neighbour: a real client that takes more
// connections than anybody should have, and the other end that it needs.
//
//	go crowd.Sink{Flood: checkout}.Run(ctx, listener)        // outside of the mesh
//	err := crowd.Client{To: sink, Connections: 2000}.Run(ctx)  // inside the culprit's pod
//
// The client opens its connections as fast as it can, keeps them, and opens those anew
// that end: half of them read what comes, half read next to nothing, so that what is on
// its way to them stays wherever it is. The sink sends each a quarter of a megabyte, and meanwhile
// begins TLS handshakes with a listener of the culprit's proxy: each costs that proxy a
// signature.
//
// The other end lives outside of the mesh and is nobody's server, so that all noise goes
// through what serves the culprit and through nothing else: whoever is disturbed as
// well shares a process with it.
//
// The pace is bounded, but far above any budget: on a machine that the drill shares with
// what it measures, a crowd that takes every CPU would be measured itself.
package crowd

// Package crowd is the noise of a workload that takes what it can get, piece by piece:
// clients that keep connections, storms that open new ones, greeters that begin TLS
// handshakes, and the other end that these need.
//
//	go crowd.Sink{Each: 256 << 10}.Run(ctx, listener)                               // outside of the mesh
//	err := crowd.Client{To: sink, Connections: 2000, Manner: crowd.Mixed}.Run(ctx, &t) // inside the culprit's pod
//	err = crowd.Storm{To: sink, PerSecond: 150}.Run(ctx, &t)                         // ditto
//	err = crowd.Greeter{To: checkout, PerSecond: 250}.Run(ctx, &t)                   // outside of the mesh
//
// A client opens its connections as fast as it can, keeps them, and opens those anew
// that end. Its [Manner] is what it does with them: read, read next to nothing, or leave
// a TLS handshake half done. A storm's connections live until the first byte comes; a
// greeter's handshake costs a proxy a signature. What came of it all is in a [Tally].
//
// A [Kind] is a crowd as the lab puts it together of such processes. All but one have
// the far end outside of the mesh and at nobody's server, so that the noise goes through
// what serves the culprit and through nothing else: whoever is disturbed as well shares
// a process with it.
//
// The pace is bounded, but far above any budget: on a machine that the drill shares with
// what it measures, a crowd that takes every CPU would be measured itself.
package crowd

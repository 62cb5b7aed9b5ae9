// Package probe asks a workload's data plane whether identity and policy are enforced now,
// by the path that everybody takes: TLS with verified SVIDs, HBONE, CONNECT, policy.
//
//	a, err := probe.Ask(ctx, conn, source, workloadIdentity)   // Answer, or who refused
//	err := probe.Plaintext(ctx, conn)                          // nil: plaintext is let in
//	source, err := probe.Stranger("cluster.local")             // an SVID that no CA of ours signed
//
// It dials nothing itself: conn is a connection to the workload's HBONE listener or, for
// Plaintext, to its plaintext listener, from redirect.Probe. What it asks for is
// redirect.ProbePort, which has rules of its own (mesh.ProbePolicies): of the
// identities that are reserved (identity.Reserved) one is allowed, one is denied, and nobody
// else is allowed.
//
// A probe costs its target one TLS handshake; see docs/operators.md for figures.
package probe

// Package spoof tells lies to a workload while a drill's flows run.
//
// # Usage
//
//	i, err := spoof.Begin(l, "tenant-a/checkout")
//	…
//	checks, err := i.End()
//
// Two impostors are started, each a process: one on the fabric, outside of every pod and
// node, and one in the culprit's pod, with what a compromised application has there. What
// they say is in package attack (imposture.go); each kind of lie becomes a check, and one
// that was believed is a violation. Each also tells the truth, and End fails where the
// truth was not believed: refusals prove nothing then.
//
// # The victim
//
// It is the server of the last denied edge: there somebody has an identity that is true
// and of no use, and somebody else one that is let in.
//
// # Limits
//
// Headers are those that HBONE has (Forwarded, baggage); x-forwarded-for is none of them,
// and nobody in the data plane reads it. Plaintext from a stranger's own address to
// the application's port is not tried: policy that names identities lets it in (Istio's
// PERMISSIVE), and bench/theft has the strict case.
//
// # Ownership
//
// End ends both processes, also when it fails, and leaves nothing.
package spoof

// Package ca is the embedded certificate authority: a root and an intermediate that sign SVIDs of an hour, and the
// service of Istio's CA API through which they are asked for.
//
//	authority, err := ca.Open(dir, ca.Options{TrustDomain: "cluster.local"}) // or ca.New: in memory
//	security.RegisterIstioCertificateServiceServer(server, authority.Service(authorize))
//
// # What it checks
//
// A CSR must be signed by its own key, be ECDSA P-256, have an empty subject, and name the asked identity in its one SAN. Whether
// the caller may have it is the Authorizer's to say. Nothing else of a CSR reaches a
// certificate: usages, lifetime and names are the CA's.
//
// # Lifetimes
//
// Root ten years, intermediate one year, SVID an hour unless asked otherwise, a day at most. The intermediate is replaced
// at half life while the CA runs and when it is loaded; it is not written back, since peers get it in the chain and trust
// only the root.
//
// # Roots
//
// With RootLife, or by RotateRoot, a new root takes over in two steps, each as long as an SVID may live: first both are
// trusted and the old one signs, then the new one signs, then the old one is trusted no more. Nobody with a valid SVID is
// cut off at any moment. RootsChanged is told of each step.
//
// # Ownership
//
// A CA may be used from many goroutines and needs no closing. The keys lie in memory and, after Save, in one file of mode 0600.
//
// # Limits
//
// For laboratories and single machines: no revocation, no audit trail but the log, no HSM, and the keys in a file.
// A cell never links this package; a cluster has istiod or SPIRE in its place.
package ca

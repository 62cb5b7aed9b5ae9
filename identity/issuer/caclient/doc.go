// Package caclient asks a CA for SVIDs over Istio's CA API (istio.v1.auth.IstioCertificateService), which `bulkhead control`
// serves and istiod as well. It is an issuer.Signer, apart from package issuer so that a cell whose Signer is its channel
// does not link gRPC.
//
//	client, err := caclient.New(config, caclient.Impersonating)
//	defer client.Close()
//	i := issuer.New(id, client, issuer.Options{})
//
// The configuration is the part "ca" of a node's and of a sidecar's file:
//
//	ca: {socket: /run/bulkhead/ca.sock, token: /run/bulkhead/token}
//	ca: {address: control:15012, roots: /etc/bulkhead/roots.pem, token: /run/bulkhead/token}
//
// A sidecar asks for its own identity; a keeper speaks for the pods of its node and says so in each call (metadata
// ImpersonatedIdentity). The CA decides whether it may.
//
// Calls share one connection, which is made at the first call; they may run at the same time.
package caclient

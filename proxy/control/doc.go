// Package control serves the mesh to its nodes. In this version that is the embedded CA on a unix socket; discovery is a file
// that each node reads for itself (proxy/mesh).
//
//	cfg, err := control.Load("control.yaml")
//	c, err := control.New(cfg, log)
//	err = c.Run(ctx) // until ctx is done
//
// The file is strict YAML; an unknown or repeated key is an error:
//
//	trustDomain: cluster.local
//	socket: /run/bulkhead/ca.sock
//	socketMode: "0600"        # optional; tokens decide who may ask for what, the mode who may ask at all
//	caDir: /var/lib/bulkhead  # optional: without it the root is made anew at each start
//	ttl: 1h                   # optional: lifetime of an SVID
//	tokens:
//	- token: s3cret
//	  identities: [spiffe://cluster.local/ns/tenant-a/sa/checkout]
//
// # Ownership
//
// Run makes the socket and removes it again. A socket left by a control that was killed is removed at the next start; one
// that somebody answers on is not, nor is anything that is not a socket.
//
// # Limits
//
// The file is read once: another token list means a restart, during which nodes keep the SVIDs that they have.
package control

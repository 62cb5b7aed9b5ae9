// Package control serves the mesh to its nodes. That is the embedded CA, by Istio's CA API, over gRPC
// on a unix socket and, if wanted, on an address over TLS.
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
//	address: control.bulkhead-system.svc:15012  # optional: the same over TLS; the CA vouches for the host in it
//	rootsFile: /var/lib/bulkhead/roots.pem      # with address: gets the roots that callers need
//	ttl: 1h                   # optional: lifetime of an SVID; callers may wish for less
//	rootLife: 8760h           # optional: after this a new root takes over, and nothing is dropped
//	mesh: /etc/bulkhead/mesh  # optional, watched: a file, or a directory of them; what discovery serves, and what runs on which node
//	tokens:
//	- token: s3cret
//	  identities: [spiffe://cluster.local/ns/tenant-a/sa/checkout]
//	- token: s3cret-of-n1
//	  node: n1                # good for the identities of the workloads that run there
//
// # Ownership
//
// Run makes the socket and removes it again. A socket left by a control that was killed is removed at the next start; one
// that somebody answers on is not, nor is anything that is not a socket.
//
// # Limits
//
// Calls with a token that is not in the file are refused before anything of them is read. One that panics is answered
// Internal, and the others go on.
//
// At the address a connection is a stranger until a call with a token came over it, for 15 s at most. There are 64 strangers
// of one source (an IPv4 address, an IPv6 /64), 1,024 in all, and 4,096 connections; more are reset, and a line a minute
// says how many. On the unix socket, whose mode says who may connect, only the sum is bounded.
//
// Whoever calls CA().RotateRoot has the root replaced at once, in two steps of a ttl each; `bulkhead control` does at SIGUSR1.
//
// The file is read once: another token list means a restart, during which nodes keep the SVIDs that they have.
package control

// Package identity says who a workload is and proves it: SPIFFE IDs as values, the SVID (certificate, key and roots) that
// proves one, and the TLS configurations of both ends of a tunnel.
//
// # Usage
//
//	src := issuer.New(id, signer, issuer.Options{}) // a Source that rotates; see identity/issuer
//	go src.Run(ctx)
//	<-src.Ready()
//
//	server := tls.Server(conn, identity.ServerTLS(src))                    // inbound
//	client := tls.Client(conn, identity.ClientTLS(src, []identity.ID{to})) // outbound
//	...
//	peer, err := identity.PeerID(server.ConnectionState())
//
// # Ownership
//
// Everything here is a value or immutable after construction; nothing has to be closed and no goroutine is started. A
// [*SVID] is shared by all handshakes between two rotations, its [tls.Certificate] included: nobody may change it. A
// [*tls.Config] asks its [Source] at every handshake, so it follows rotations and is made once per listener or dial.
//
// # What is checked, and where
//
// All checks of the peer run in VerifyConnection, which crypto/tls calls for full and for resumed handshakes alike.
// VerifyPeerCertificate, where go-spiffe's spiffetls/tlsconfig checks, is skipped when a session is resumed, so a peer
// whose SVID expired, or whose root was withdrawn, would come back by its ticket. For that reason this package takes
// spiffeid, x509svid and x509bundle from go-spiffe and not its tlsconfig. Tickets are off on both sides as well; whoever
// turns them on keeps the checks.
//
// The server end wants a client certificate that chains to the roots of its own current SVID, is valid now, carries EKU
// clientAuth, and whose identity has the server's own trust domain. The client end wants the same with EKU serverAuth, and
// in place of the trust domain one URI SAN out of the identities that it was told to expect. DNS names mean nothing.
//
// # Limits
//
// One trust domain: no federation, no aliases. No revocation lists: an SVID lives for an hour and is then worth nothing.
// The clock is the Source's when it has one (see [Clock]), not tls.Config.Time set later, because transports clone a
// configuration and the clone's field would not be seen here.
package identity

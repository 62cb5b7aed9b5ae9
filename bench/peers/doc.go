// Package peers is what people would otherwise put where Bulkhead is: pairs of proxies that carry TCP through mutually
// authenticated TLS, as processes to measure beside ours.
//
//	client, server, err := peers.Issue(dir)
//	client.Listen, client.Next = near, between
//	server.Listen, server.Next = between, application
//	for _, p := range peers.All() {
//		c, err := p.Server(dirB, server) // writes the configuration into dirB
//		exec.Command(c.Argv[0], c.Argv[1:]...)
//	}
//
// A client takes plain connections at Listen and carries them to Next, which is the server's Listen; the server carries
// them to its own Next, the application. direct has no processes: whoever measures dials the application. splice has the
// processes and no TLS: it is the floor.
//
// # The same for all
//
// One process with one worker or thread; TLS 1.3, TLS_AES_128_GCM_SHA256, X25519; certificates of ECDSA P-256 with an
// intermediate, as an SVID has; each end verifies the other's. Ours prefers X25519 as well (package identity), and
// crypto/tls picks the cipher. Tests read cipher and key exchange from the ServerHello of each pair. Nothing is logged
// per connection; timeouts are longer than a run.
//
// [Ztunnel] is not in All: only its user can bring it, and cipher and certificates are its own.
//
// # Default and tuned
//
// A default peer is as its package has it: buffers and session handling are untouched. What had to be written there
// for a run to be possible at all (how many connections, half-close) is no tuning. A tuned one has what an expert
// would set: All says what, testdata holds every file whole, and `bulkhead bench peers` prints them.
//
// # Ownership
//
// This package starts nothing outside its tests: a [Command] is for the caller to start, and SIGTERM ends it. Its
// files stay in the caller's directory. A program that the machine lacks is a [*NotInstalledError].
package peers

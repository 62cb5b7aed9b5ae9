// Package bearer is how the callers of control and control know each other over gRPC: a connection whose every call carries
// a token out of a file, and the list of tokens that control knows.
//
//	conn, err := bearer.Dial(bearer.Target{Address: "unix:///run/bulkhead/ca.sock", Token: "/run/bulkhead/token"})
//	defer conn.Close()
//
//	tokens, err := bearer.NewTokens(grants)
//	server := grpc.NewServer(append(tokens.ServerOptions(), …)...)
//	…
//	caller, ok := bearer.CallerOf(ctx) // in a method of the server
//
// The token is read from its file at each call, since whoever made it also replaces it. It travels over a unix socket or
// over TLS, and never otherwise: [Target.Check] refuses an address without roots.
//
// # Who a token speaks for
//
// A [Caller] has the identities that its grant names, or a node, or both. A node is good for whatever runs on it, which
// the mesh says: that is not decided here.
//
// # Ownership
//
// Whoever calls Dial closes the connection. Tokens and callers are values that do not change.
package bearer

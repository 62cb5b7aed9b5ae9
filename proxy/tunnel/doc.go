// Package tunnel holds what both ends of an HBONE tunnel agree on, whatever
// carries it, and the pool that the dialling end opens its streams through.
//
// A tunnel is one mTLS (or QUIC) connection between two proxies; a stream is
// one CONNECT in it. A [Transport] (package h2, later h3) turns a handshaken
// connection into a tunnel:
//
//	dialling end                               accepting end
//	t, err := transport.Client(ctx, conn)      err := transport.Serve(ctx, conn, handler)
//	s, h, err := t.Open(ctx, head)             func handler(in tunnel.Incoming) {
//	                                               s, err := in.Accept(header)  // or in.Reject(status)
//	… s.Read, s.Write, s.CloseWrite …              … the same Stream …
//	s.Close()                                      s.Close()
//	                                           }
//
// # Who closes what
//
// Client and Serve own the connection from the call on, also when they fail.
// Whoever got a [Stream] calls Close on it once, whatever happened before:
// Close is what frees its place in the tunnel. A handler that returns without
// an answer or with an open stream has that stream reset, unless it has kept it. A [Pool] owns its
// tunnels; Close waits until nothing of it runs.
//
// # Half-close and reset
//
// CloseWrite sends END_STREAM and leaves reading open, in either order and at
// either end. Reset tells the peer that the connection broke: it reads a
// [*ResetError], and a relay turns that into a TCP RST, so that an application
// can tell a broken connection from a finished one.
//
// # A tunnel that is about to end
//
// When the peer says GOAWAY, or the SVID of either end has gone through most of the life
// that it had left, the pool makes a tunnel's successor before anybody asks for it, and
// drains the old one once the successor is there: see successor.go. An idle tunnel is
// drained without one.
//
// # Retrying
//
// No byte of the application is sent before the 200, so an Open that failed
// before its answer has delivered nothing and may be tried again elsewhere:
// [*RefusedError] says that the peer did not start it, [*LostError] that the
// tunnel died under it. The pool does that: see [Pool.Open].
package tunnel

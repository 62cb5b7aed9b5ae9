// Package h3 is HBONE over HTTP/3: tunnels that are QUIC connections, streams that are
// CONNECT requests in them. It implements package tunnel on quic-go, with a layer of
// HTTP/3 of its own (RFC 9114) for the same reason as package h2: a stream is bytes with
// half-close, deadlines and resets, and a GOAWAY is told to the pool. quic-go's http3
// serves as the peer in tests.
//
//	dialling end                                  accepting end
//	q, err := endpoint.Dial(ctx, addr, tls, transport.Config())
//	t, err := transport.Client(ctx, q)            err := transport.Serve(ctx, q, handler)
//	s, h, err := t.Open(ctx, head)                func handler(in tunnel.Incoming) { … }
//
// # Who closes what
//
// Client and Serve own the connection from the call on, also when they fail. The socket
// below it is its maker's. The rest is as package tunnel says.
//
// # What is on the wire
//
// Each end opens one unidirectional stream, its control stream: SETTINGS first, later
// GOAWAY. QPACK is static: no dynamic table is offered and none is used, so that no stream
// ever waits for another's header. A request stream is HEADERS and then DATA frames; frames
// of unknown types are skipped.
//
// # Ends
//
// A broken connection is RESET_STREAM and STOP_SENDING with H3_CONNECT_ERROR (RFC 9114
// section 4.4), a stream given up is H3_REQUEST_CANCELLED, one that nobody began to serve
// H3_REQUEST_REJECTED, which is safe to try elsewhere. QUIC drops what is unsent or lost when
// its connection closes, and quic-go does not say what was acknowledged. So a tunnel that
// drained lingers before it closes: see Options.LingerTimeout.
//
// # A process that dies
//
// An [Endpoint] whose [Socket] has the key of its dead predecessor answers what was meant for that one
// with a stateless reset, by which the peer knows at once that the connection is gone. IDs that begin with a
// byte of their own let several processes have a socket each at one address: see [Endpoint.Bury].
//
// # A peer that moves
//
// The dialling end may go on from another address, as when its pod's has changed. The accepting end tells
// tunnel.Served, before the next stream or within a second, which says whether the tunnel may go on (place.go). The
// accepting end cannot move.
//
// # Handshakes
//
// Who may speak is judged in the VerifyConnection of the configuration that Dial and Serve get, before a
// stream can be opened; nothing is ever resumed, so nothing comes before it (no 0-RTT). A handshake waits for
// tunnel.Begin before it costs anything; from Options.RetryAbove unfinished ones on, a peer must first show that
// it receives at the address that it claims (attempt.go).
//
// # Limits
//
// The peer may have MaxStreams streams open, and a stream counts until its handler has let
// go of it: a peer that resets its streams at once gains nothing. What a peer may send ahead of the
// readers is bounded by a window per stream and one per connection, which is as large as all
// streams' together: none can take another's credit, and a reader that sleeps holds up nobody.
//
// A stream whose reader is away is charged to the workload's budget of bytes with all that it may
// hold, 256 KiB by default; one that finds no room for long is reset (charge.go). So the streams of a
// workload hold its budget at most, and for at most half a second more: what those may hold that are then
// reset. Not charged are two things that quic-go does not tell: what was sent and is not acknowledged, in a
// tunnel at most what the peer's windows and a congestion window of 10,000 packets allow; and what came out of
// order while something before it is missing, in a tunnel at most its streams' windows.
package h3

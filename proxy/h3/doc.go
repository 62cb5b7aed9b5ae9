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
// byte of their own let several processes have a socket each at one address (package steer).
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
// tunnel.Begin before it computes anything; its place among the workload's tunnels is taken when its first packet comes. From
// Options.RetryAbove unfinished ones on, a peer must first show that it receives at the address that it claims, and has less
// time; 32 may be unfinished at a socket and 128 in a process, the others are refused and stay on TCP (attempt.go). Not counted: quic-go keeps an entry for
// each frame of a hello, of which one byte by byte takes 1.5 MB; so peers without a certificate can have 48 MB held at a socket, and 192 MB
// in a process, for up to 10 s each time, or 2 s under load.
//
// # Limits
//
// The peer may have MaxStreams streams open, and a stream counts until its handler has let
// go of it: a peer that resets its streams at once gains nothing. What a peer may send ahead of the
// readers is bounded by a window per stream, 64 KiB and 128 KiB for one whose reader keeps up, and one per connection, which is as large as all
// streams' together: none can take another's credit, and a reader that sleeps holds up nobody.
//
// Each tunnel is charged to the workload's budget of bytes with 128 KiB for its life; tunnels may have a quarter of it, so that there are
// 64 with the default budget. One without room is refused. A stream whose reader is away is charged with all that it may
// hold, 192 KiB; one that finds no room for half a second is reset, and at once while as much is held without room as the
// budget has (charge.go). Its relay ends, also in a write to an application that does not read (tunnel.Breaking), and the charge is given back when
// quic-go holds nothing for the stream any more; a peer that does not let go of it within 5 s loses its tunnel (vanish.go). So
// what readers have not taken holds twice the budget (with a small one 8 MiB beside it), and what is reset beyond that for the moment until it is gone.
//
// What costs work and moves nothing, and requests that end before their answer, are bounded at the rates of HTTP/2 (limits.go); who exceeds
// them loses the tunnel, with H3_EXCESSIVE_LOAD.
// QUIC's own frames (PING, PATH_CHALLENGE, NEW_CONNECTION_ID and others) never come here: quic-go answers them by itself, and there is no limit of ours on them.
//
// The places for tunnels are the workload's, not each peer's: one trusted peer may take them all, and the others stay on TCP.
//
// # What a hostile peer can hold
//
// Not charged are things that quic-go does not tell. What was sent and is not acknowledged: in a tunnel at most what the peer's
// windows and a congestion window of 10,000 packets allow. And what came out of order while something before it is missing, for as long as the
// peer likes: 6.5 MB in a tunnel, 13 MB if a pod of its own reads what it sends first; so 420 MB, or 830 MB, for the 64 tunnels of a pod.
// That is with frames as they are; quic-go keeps an entry for each frame and merges none, and a window of 64 KiB in frames of one byte was seen to
// hold 6.2 MB (95 times; frames of 8 or 128 bytes 13 times, of 1,200 bytes 1.3 times). At its worst one tunnel so holds 620 MB, for which its peer
// sends 46 MB (computed from one window, 7 bytes a frame; not tried with a real peer): more than the memory of most cells. It takes an identity that the mesh trusts, and no policy prevents it.
//
// What there is against it: a cell that is short of memory which no budget knows of ends the tunnels over QUIC of one workload
// after the other (package cell, budget.Account.Relieve), and its memory wall keeps it from the rest of the node. It looks each second, and 20 times a second once
// half of the memory is in use: a peer that is faster costs the cell a crash. This is one of the reasons why QUIC is off by default.
//
// Counting frames through quic-go's tracer was rejected: it makes an object of each frame of each packet, for honest peers, too.
package h3

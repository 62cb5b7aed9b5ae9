// Package h2 carries HBONE over HTTP/2 (RFC 9113): it is a [tunnel.Transport].
//
//	t := h2.New(h2.Options{OnPanic: report})
//	tn, err := t.Client(ctx, tlsConn) // dialling end
//	err := t.Serve(ctx, tlsConn, handler) // accepting end, returns when all has ended
//
// It takes framing and HPACK from x/net/http2 and nothing else of it. That
// package's Server cannot half-close an answer before its handler returns, and
// both its ends give back connection credit only as the user reads, so that one
// stalled stream stops every other one in the tunnel. Here a stream that stalls
// costs its own window of memory and holds up nobody (flow.go). Windows grow for a
// bulk transfer that has its tunnel to itself, and are small beside small requests.
//
// # The life of a byte
//
// Two files, one for each direction:
//
//	in.go   socket → cork → TLS → one buffer → frames → the application's socket,
//	        without blocking; what it does not take → inbox.go → forward.go, carry
//	out.go  stream.Write → the next batch, as DATA frames → TLS → cork → one write
//
// # Structure
//
// Both ends are one type, conn, cut by verb. Beside the two above: recv.go and
// headers.go take the other frames in, control.go puts them out, batch.go is the
// buffer of one write; flow.go, settings.go, ping.go and goaway.go hold what is said
// in between; client.go and server.go hold what differs. stream.go is a stream's
// user's side, inbox.go what arrived for it and waits, forward.go where it goes by
// itself. link.go is the seam under all of it: a record layer that batches.
//
// Three goroutines serve a tunnel (recvLoop, sendLoop, watch). A request has one at
// the accepting end until its handler returns or has kept it (tunnel.Incoming), and a
// stream whose sink is slower than its peer has one while that lasts (carry).
//
// # Ownership
//
// A tunnel owns its connection from Client or Serve on and closes it. Closing the
// connection from outside is the way to force an end: streams are lost, handlers'
// contexts end. Done, and the return of Serve, mean that no goroutine and no
// descriptor of it is left.
//
// # Errors
//
// RST_STREAM becomes [*tunnel.ResetError] with the peer's code, and so does the
// loss of the tunnel, with its cause: [*ConnError] for what one end said in a
// GOAWAY, [*SilentError] after a PING without answer, or the connection's own.
// Stream.Reset sends CONNECT_ERROR, Close of an unfinished stream CANCEL, a
// panic INTERNAL_ERROR.
//
// # Limits
//
// What a peer may cost: MaxStreams streams of StreamWindow bytes each, of a bulk
// transfer 4 MiB and of all those together 16, all of it within its workload's
// budget; twice as many handlers, a header block of 64 KiB, [Options.WriteTimeout] of
// not taking what we send. Floods of frames that move nothing, of streams reset before their
// answer and of questions whose answers are not taken end its tunnel with
// ENHANCE_YOUR_CALM (limits.go). Not spoken: push, trailers, priorities, extended
// CONNECT. SETTINGS go out once.
package h2

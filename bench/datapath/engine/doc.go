// Package engine makes and answers the load of the data path's benchmark, as lean in Go
// as it would be in C: what it costs itself is taken from what it measures.
//
//	go engine.Serve(ctx, []netip.AddrPort{…}, nil)                // in one pod
//	r, err := engine.Run(ctx, engine.Job{Mode: engine.RR, …}, begin) // in another
//
// # Lean
//
// Each end is one loop over one epoll on one locked thread, with sockets that the Go
// runtime does not know. System calls of the loop are raw: the scheduler does not hear of
// them, and its monitor has nothing to hand over and goes to sleep. So a loop must be
// alone in its process, with GOMAXPROCS=1; it lets others run ten times in a second or
// more, which is enough for a signal. Nothing is allocated once connections are there.
//
// The obvious net.Conn with a goroutine each costs the client more than any proxy under
// test, and rates would then be the client's.
//
// # The protocol
//
// A server has one kind of port. The first byte of a connection says what it is:
//
//	'E'  an echo: everything is sent back. Requests are Size bytes, with their number in
//	     the first and in the last eight, and the client checks both.
//	'U'  an upload: pages of 4 KiB, each with its number in its first eight bytes, which
//	     the server checks. Between two pages the client may ask for a receipt: how many
//	     bytes there were, and when the last one came.
//
// A half-closed connection would be the usual end of an upload, but not every proxy
// passes one on (nginx does not unless told).
//
// # Time
//
// Jobs have two parts. Run makes all connections and sends some load over each, then calls
// begin, in which the caller reads its clocks, and then measures. Times are those of
// CLOCK_MONOTONIC, the same for all processes of a machine, so that the far end's may be
// subtracted from the near end's.
//
// # Limits
//
// IPv4 only. One job per process at a time. A job ends at its time, or when it has
// 4 million latencies.
package engine

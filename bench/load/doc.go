// Package load is the application of a lab pod: a small server, and open-loop
// clients that ask the servers of other pods and write down what happened.
//
// # Usage
//
// One process per pod, started in the pod's network namespace:
//
//	err := load.Serve(ctx, load.Config{
//		Pod:    "tenant-a/checkout",
//		Listen: []string{":9000"},
//		HTTP:   ":8080",
//		Marker: "bulkhead-5f1c",
//	}, os.Stdin, os.Stdout)
//
// Commands arrive as JSON lines on stdin (see [Command]), records and events
// leave as JSON lines on stdout (see [ParseLine]). The end of stdin stops the
// clients and ends Serve.
//
// # What is sent
//
// A request is one length-checked frame that carries the pod's marker, the flow
// and the sequence number. The server answers with the same bytes and the client
// address that it saw (see frame.go), so that one answer proves three things:
// bytes arrived unchanged, in order, and with the source address kept.
//
// # When it is sent
//
// Send times are planned, not reacted to: request k of a flow belongs to the
// instant start + offset + k*period on CLOCK_MONOTONIC, which all processes of
// the machine share. A slow answer never moves a later send, and latency is
// counted from the planned time: a client that waited for its answers would skip
// exactly the requests that an outage would have hurt (coordinated omission).
//
//   - Kind [New]: dial, one request, one answer, close, for each planned send.
//   - Kind [Reused]: one long-lived connection with pipelined requests. When it
//     breaks, everything outstanding fails with the cause, one more record with
//     sequence number [Break] tells of the break itself (a connection may break
//     while nothing is outstanding), and the next planned send dials again.
//
// A request fails at its planned time plus the flow's timeout at the latest.
//
// # Limits
//
// Records wait in a bounded queue for stdout; a reader that does not read loses
// records, never delays sends. Losses are counted and reported as [Event] lines,
// and whoever judges the run must call it invalid.
package load

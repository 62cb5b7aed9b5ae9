// Package instrument checks the lab's load and recorder against tools that are not ours:
// wrk for requests, iperf3 for bytes.
//
//	r, err := instrument.Check(ctx, instrument.Options{Bulkhead: "bin/bulkhead", Repeat: 5, For: 6 * time.Second}, say)
//	fmt.Print(r.Table())
//
// # The same workload
//
// Two programs agree about a path only when the path is what they measure. On loopback an
// answer takes some tens of microseconds, of which most is the client itself: a C program
// and a Go program would differ by half, and neither would be wrong. So both send through a
// relay ([Path]) that delays every byte by a known time, or lets so many bytes through per
// second. What they then find must be that, and one another's number within 10 %.
//
// At the far end are the servers of the lab's own application: wrk speaks HTTP/1.1 and asks
// its page, the load speaks frames and asks its frame server. The load runs in a process
// of its own, as in a pod, and its records take the way of all records.
//
// # Where the two must differ
//
// wrk is a closed loop: each connection waits for its answer before it asks again, so while
// the path stalls it asks nothing, and the stall is one slow answer per connection. The load
// is an open loop and goes on asking. The last workload has a stall in it and is shown to
// make that difference seen; it is not judged.
//
// # Ownership
//
// Check owns every process and listener that it starts, and has ended them when it returns.
package instrument

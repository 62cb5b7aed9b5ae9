// Package drill breaks a data plane on purpose and records how far that reaches.
//
// # Usage
//
// Inside a lab's worker process:
//
//	d, err := drill.New(params, printer.Update)
//	l, err := lab.New(lab.Options{Event: d.Saw, …})
//	err = l.Up(ctx)
//	run, err := d.Run(ctx, l, l.Topology(), dir)
//
// Several drills share a lab turn by turn: Begin opens each one's record, Turn drills one
// subject, End closes the record.
//
// Run leaves a record in dir (package measure) and judges nothing: whoever wants
// numbers reads the record back.
//
// # What a drill is
//
// For each subject, in an order that the seed shuffles anew for each repeat, so
// that a slow minute of the machine does not always meet the same subject:
//
//	place          the subject's data plane, capture
//	steady state   load until nothing failed for a second, bounded
//	null           a baseline and an observation without any fault
//	method         a baseline, the fault, an observation until nothing was bad for a while, its undo
//	undone         as null: what the undo left behind would show
//	rollback       load off, displace
//
// Flows that a policy denies are tried all the while (I2): their failures are as they
// should be, and the judge counts what was admitted.
//
// The load runs on through all three: what the null segment says about noise
// is said about the same connections.
//
// Before the fault strikes, the oracle (oracle.go) predicts from graph and
// placement alone which flows must be hit; the prediction is in the record.
//
// # Ownership
//
// Run owns the load and what is placed on the lab, and leaves neither behind,
// also when ctx ends: then the record is kept and marked as aborted. The lab
// itself is the caller's. The lab's records are read by one goroutine, which Run
// waits for.
package drill

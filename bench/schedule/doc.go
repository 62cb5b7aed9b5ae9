// Package schedule runs experiments (package experiment) in labs: one, or several as a suite (package suite).
//
//	params, err := schedule.Params(e, version, privileged)   // of one drill
//	topology, err := schedule.Topology(e)                    // of its lab
//
//	s := schedule.New(experiments, …)                        // the suite, before anything has run
//	err := (&schedule.Schedule{Suite: s, Dir: dir, Up: up, Show: printer.Update}).Run(ctx)
//
// # Order
//
// Experiments of the same topology share a lab, which stays up between them. Of those, the repeats are the outer loop:
// repeat 1 of all of them in an order that the seed shuffles, then repeat 2 in another, and inside each the subjects in the
// order of a drill. A slow minute of the machine then does not always meet the same experiment. Another topology is another
// lab, one after the other: what is compared was in the same lab.
//
// # When something fails
//
// An experiment that finds no steady state, or whose fault fails, is aborted: its other subjects and its further repeats
// still have their turns, its record says what failed, and the others go on. When a rollback fails the lab is not what it
// was: it goes down, and the next turn has a new one. Whatever ends the suite, each record is closed, what could be judged
// can be, and suite.json says what is done, aborted and not run.
//
// # Ownership
//
// Run owns the labs that Up gave it, and takes all of them down before it returns.
package schedule

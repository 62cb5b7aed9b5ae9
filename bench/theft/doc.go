// Package theft steals a cell on purpose and records what the thief then has: the drill
// key-theft, and the look at a running lab that `bulkhead trust` is.
//
// # Usage
//
// Inside a lab's worker process, where the lab is up:
//
//	record, err := theft.Run(ctx, l, params, dir)     // every isolation, one after the other
//	record, err := theft.Look(ctx, l, params)         // the one that is placed now
//
// Both leave a record of package trust and judge nothing.
//
// # What is there
//
// As root of the lab, the memory of every process of the data plane is read (package
// keyscan) and every issued key that is in it noted. Before that each pod has spoken to
// another, so that keys were used. What the kernel lets a process do is read from its
// files in /proc.
//
// # What is in reach
//
// The attack (package attack, executable bulkhead-attack) is put where the keeper, or the
// kubelet, finds the cell's executable, and the culprit's cell is killed: what is started
// in its place, by the same shim, into the same jail, with the same descriptors, is the
// thief. It tries what a thief would, says of each attempt what came of it, and is
// replaced by the true cell in the end.
//
// # Ownership
//
// Run places and displaces the subjects; Look changes nothing.
package theft

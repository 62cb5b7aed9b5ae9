// Package cgroup puts cells into control groups, of version 1 or 2, whichever the
// machine has for memory, cpu, cpuacct and pids.
//
//	h, err := cgroup.Detect()                // ErrNotEnforceable: do without
//	g, err := h.Create("bulkhead-7/node-1/cell-a")
//	err = g.SetMemory(64 << 20)
//	spec.Cgroups = g.Dirs()                  // the jail joins them
//	…
//	err = g.Kill()
//	err = g.Remove()
//
// A group is one directory in version 2 and one per controller in version 1; this
// package keeps them together under one name. Groups are made below the caller's own
// cgroup, so that whatever limits the caller limits them too.
//
// # What is enforceable
//
// Making a group takes a writable directory: root, or a delegated subtree. Detect
// returns ErrNotEnforceable with a sentence where there is none, and so does every
// limit and counter whose controller is not effective in the group
// (Group.Controllers).
//
// Version 2 knows "no internal processes" (cgroup-v2.rst, "No Internal Process
// Constraint"): a cgroup that holds processes cannot hand its controllers to its
// children, except the root. The caller's own cgroup holds at least the caller. So
// there groups have only the controllers that were handed down before; usually none,
// which leaves membership, Kill and CPU. Enabling just cpu and pids would succeed and
// do harm: they are threaded controllers, and would turn the children into "domain
// invalid" ones, which take no process.
//
// # Ownership
//
// Groups are not removed by themselves, not even when their creator dies. Remove them,
// and at start RemoveStale those of runs that crashed.
package cgroup

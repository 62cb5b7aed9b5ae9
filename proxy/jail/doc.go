// Package jail turns a freshly forked process into a cell: it enters a network
// namespace, joins cgroups, gives up its uid and gid, every capability but the named
// ones and the ability to gain any, and then becomes the cell by exec.
//
//	argv := append([]string{"/proc/self/exe", "shim"}, jail.Spec{…}.Args()...)
//	…in that process:
//	spec, err := jail.ParseArgs(args)
//	return spec.Exec() // returns only if it failed
//
// The forked child cannot do this itself: between fork and exec a Go program may run
// only a few system calls. So the child is exec'ed as a *shim*, the same executable
// with other arguments, which does the rest in order and execs again.
//
// Everything that Linux keeps per thread (namespace, uid, capabilities) is changed on
// one locked OS thread with raw system calls: the thread that execs takes its own
// over, and all others end there. syscall.Setresuid and the like change all threads,
// which is needed by a process that goes on, and slower.
//
// # Order, and why
//
//  1. setns: needs CAP_SYS_ADMIN, which is about to go.
//  2. cgroups: the groups belong to the keeper's uid. Limits, as some may only be
//     lowered later.
//  3. descriptor limit: raising it needs CAP_SYS_RESOURCE.
//  4. bounding set: needs CAP_SETPCAP.
//  5. groups, gid, uid, with PR_SET_KEEPCAPS, so that the permitted set stays.
//  6. capset to the named ones; the ambient set, so that they survive exec with a
//     uid that is not 0.
//  7. no_new_privs, which strips none of these.
//  8. exec. Descriptors from 3 to 3+Files-1 survive, all others are closed by it.
//
// A failure is an *Error that names the step and says what to do.
package jail

// Package fault is what a drill does to a data plane. One fault is one small file
// with one type and its undo; docs/adding-a-fault.md walks through a new one.
//
// # Usage
//
//	f, err := fault.ByName("crash")
//	injected, err := f.Inject(ctx, target)
//	defer injected.Undo(context.WithoutCancel(ctx))
//
// A fault acts on what its [Target] names and on nothing else: processes are found
// by the lab that started them, never by name, and it keeps no state of its own.
// Inject returns when the fault has struck; it does not wait for its effects. Undo
// is never nil, may be called when nothing is left to undo, and must work after
// the drill was called off.
package fault

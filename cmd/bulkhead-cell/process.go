package main

import (
	"unsafe"

	"golang.org/x/sys/unix"
)

// init is the first thing that this program does, before its memory holds a key.
//
// Not dumpable: no core, and /proc/PID/mem and ptrace are closed even to processes of
// the same uid. Exec sets it back, so no shim can do this for the cell.
//
// The name is that of the main thread, which runs init functions: a cell that was
// started through a descriptor would be called by the descriptor's number in ps.
func init() {
	_ = unix.Prctl(unix.PR_SET_DUMPABLE, 0, 0, 0, 0)
	name := []byte("bulkhead-cell\x00")
	_ = unix.Prctl(unix.PR_SET_NAME, uintptr(unsafe.Pointer(&name[0])), 0, 0, 0)
}

package dataplane

import (
	"unsafe"

	"golang.org/x/sys/unix"
)

// init is the first thing that these programs do, before their memory holds a key.
//
// Not dumpable: no core, and /proc/PID/mem and ptrace are closed even to processes of
// the same uid. Exec sets it back, so no shim can do this for the cell.
func init() { _ = unix.Prctl(unix.PR_SET_DUMPABLE, 0, 0, 0, 0) }

// Name names the main thread, which runs init functions: a cell that was started
// through a descriptor would be called by the descriptor's number in ps. Call it in one.
func Name(name string) {
	text := append([]byte(name), 0)
	_ = unix.Prctl(unix.PR_SET_NAME, uintptr(unsafe.Pointer(&text[0])), 0, 0, 0)
}

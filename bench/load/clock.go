package load

import "golang.org/x/sys/unix"

// Now is CLOCK_MONOTONIC in nanoseconds: the one clock of every record, the same
// for all processes of the machine whatever their namespaces (a time namespace
// would shift it; the lab makes none). time.Now is not used because its monotonic
// reading cannot be compared between processes.
func Now() int64 {
	var ts unix.Timespec
	// ClockGettime fails only for a clock that the kernel does not know.
	_ = unix.ClockGettime(unix.CLOCK_MONOTONIC, &ts)
	return ts.Nano()
}

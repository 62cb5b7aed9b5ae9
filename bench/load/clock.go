package load

import (
	"time"

	"golang.org/x/sys/unix"
)

// Now is CLOCK_MONOTONIC in nanoseconds: the one clock of every record, the same
// for all processes of the machine whatever their namespaces (a time namespace
// would shift it; the lab makes none).
//
// Go's own monotonic clock is CLOCK_MONOTONIC, read without a system call, but its
// zero is another in each process. So the two are compared once and Go's is read
// from then on: unix.ClockGettime enters the kernel, several times per request.
func Now() int64 { return zero.at + int64(time.Since(zero.is)) }

// zero is one instant on both clocks.
var zero = compareClocks()

type instant struct {
	is time.Time
	at int64
}

func compareClocks() instant {
	var ts unix.Timespec
	// It fails only for a clock that the kernel does not know.
	_ = unix.ClockGettime(unix.CLOCK_MONOTONIC, &ts)
	return instant{is: time.Now(), at: ts.Nano()}
}

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

// comparisons of the clocks. Between two readings the process may have to wait for a CPU,
// and would be off by as long as it lives: a sampler that was started on a busy machine was,
// by a millisecond. Of several comparisons the quickest has not waited.
const comparisons = 16

func compareClocks() (best instant) {
	least := time.Duration(1<<63 - 1)
	for range comparisons {
		var ts unix.Timespec
		before := time.Now()
		// It fails only for a clock that the kernel does not know.
		_ = unix.ClockGettime(unix.CLOCK_MONOTONIC, &ts)
		took := time.Since(before)
		if took < least {
			least, best = took, instant{is: before.Add(took / 2), at: ts.Nano()}
		}
	}
	return best
}

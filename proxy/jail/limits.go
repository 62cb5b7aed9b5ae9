package jail

import (
	"fmt"
	"syscall"

	"golang.org/x/sys/unix"
)

// limit sets what is a limit of the process and survives exec. Memory, CPU and the
// number of threads are the cgroup's: RLIMIT_AS counts what Go reserves and never uses,
// and RLIMIT_NPROC counts a uid, which several cells may share.
//
// A core file holds the keys that were in memory, and is written by the kernel wherever
// core_pattern says; locked memory and message queues are things that no cell needs and
// that are charged to the user.
func (Spec) limit() error {
	limits := []struct {
		name     string
		resource int
		value    uint64
	}{
		{"core", unix.RLIMIT_CORE, 0},
		{"memlock", unix.RLIMIT_MEMLOCK, 0},
		{"msgqueue", unix.RLIMIT_MSGQUEUE, 0},
	}
	for _, l := range limits {
		if err := syscall.Setrlimit(l.resource, &syscall.Rlimit{Cur: l.value, Max: l.value}); err != nil {
			return fmt.Errorf("%s %d: %w", l.name, l.value, err)
		}
	}
	return nil
}

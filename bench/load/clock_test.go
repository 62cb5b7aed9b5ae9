package load

import (
	"testing"

	"golang.org/x/sys/unix"
)

// Records of different processes are compared: Now must be the kernel's clock.
func TestNowIsTheKernelsClock(t *testing.T) {
	read := func() int64 {
		var ts unix.Timespec
		if err := unix.ClockGettime(unix.CLOCK_MONOTONIC, &ts); err != nil {
			t.Fatal(err)
		}
		return ts.Nano()
	}
	// Comparing takes time: of several tries the best must be within 100 µs.
	for range 1000 {
		before, now, after := read(), Now(), read()
		if now >= before-100_000 && now <= after+100_000 {
			return
		}
	}
	t.Error("Now is not CLOCK_MONOTONIC")
}

package hog

import (
	"context"
	"os"
	"path/filepath"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"go.uber.org/goleak"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// run starts do, waits until it has come so far, and ends it.
func run(t *testing.T, do func(context.Context) error, far func() bool) {
	t.Helper()
	ctx, cancel := context.WithCancel(t.Context())
	ended := make(chan error, 1)
	go func() { ended <- do(ctx) }()
	for deadline := time.Now().Add(30 * time.Second); !far(); time.Sleep(time.Millisecond) {
		if time.Now().After(deadline) {
			t.Error("it never came so far")
			break
		}
	}
	cancel()
	if err := <-ended; err != nil {
		t.Error(err)
	}
}

func TestCPUIsUsed(t *testing.T) {
	used := func() time.Duration {
		var u unix.Rusage
		if err := unix.Getrusage(unix.RUSAGE_SELF, &u); err != nil {
			t.Fatal(err)
		}
		return time.Duration(u.Utime.Nano())
	}
	before := used()
	run(t, CPU, func() bool { return used()-before > 200*time.Millisecond })
}

// The memory is a file's, as much as was said, and is given back.
func TestMemoryIsTakenAndGivenBack(t *testing.T) {
	const most = 10 << 20
	run(t, func(ctx context.Context) error { return Memory(ctx, most) }, func() bool {
		n := held(t)
		if n > most {
			t.Fatalf("%d bytes, want %d at most", n, most)
		}
		return n == most
	})
	if n := held(t); n != 0 {
		t.Errorf("%d bytes are left", n)
	}
}

// held is the size of the hog's file in this process.
func held(t *testing.T) int64 {
	t.Helper()
	fds, err := filepath.Glob("/proc/self/fd/*")
	if err != nil {
		t.Fatal(err)
	}
	for _, fd := range fds {
		name, err := os.Readlink(fd)
		if err != nil || name != "/memfd:hog (deleted)" {
			continue
		}
		if st, err := os.Stat(fd); err == nil {
			return st.Size()
		}
	}
	return 0
}

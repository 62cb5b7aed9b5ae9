package fault

import (
	"math"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"runtime/debug"
	"runtime/metrics"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"github.com/bulkhead-mesh/bulkhead/proxy/hazard"
)

const roleVar = "BULKHEAD_FAULT_TEST_ORDER"

// TestMain lets the test binary be the process that is struck.
func TestMain(m *testing.M) {
	if name := os.Getenv(roleVar); name != "" {
		strike, err := Order{Name: name, For: time.Minute}.Strike()
		if err != nil {
			os.Exit(1)
		}
		strike()
		if name == "poison" {
			hazard.Bytes([]byte("... " + Poison + " ..."))
		}
		os.Exit(0)
	}
	os.Exit(m.Run())
}

func TestFatalOrders(t *testing.T) {
	for name, want := range map[string]int{Exit: exitCode, "poison": 2} {
		c := exec.Command("/proc/self/exe")
		c.Env = append(os.Environ(), roleVar+"="+name)
		_ = c.Run()
		if got := c.ProcessState.ExitCode(); got != want {
			t.Errorf("%s: exit code %d, want %d", name, got, want)
		}
	}
}

// Everything is taken, and given back when the order is over.
func TestLeakIsGivenBack(t *testing.T) {
	var before unix.Rlimit
	if err := unix.Getrlimit(unix.RLIMIT_NOFILE, &before); err != nil {
		t.Fatal(err)
	}
	low := before
	low.Cur = 200
	if err := unix.Setrlimit(unix.RLIMIT_NOFILE, &low); err != nil {
		t.Fatal(err)
	}
	defer unix.Setrlimit(unix.RLIMIT_NOFILE, &before)
	done := make(chan struct{})
	go func() { defer close(done); leakFiles(200 * time.Millisecond) }()
	seen := false
	for ended := false; !ended; {
		select {
		case <-done:
			ended = true
		default:
			fd, err := unix.FcntlInt(2, unix.F_DUPFD_CLOEXEC, 3)
			if err == nil {
				unix.Close(fd)
			}
			seen = seen || err == unix.EMFILE
		}
	}
	if !seen {
		t.Error("descriptors were never short")
	}
	fd, err := unix.FcntlInt(2, unix.F_DUPFD_CLOEXEC, 3)
	if err != nil {
		t.Fatalf("afterwards: %v", err)
	}
	unix.Close(fd)
}

// The limit is passed, since the kernel's is above it, and then all is given back; without
// one nothing is taken.
func TestMemoryIsLeakedToTheLimit(t *testing.T) {
	before := debug.SetMemoryLimit(math.MaxInt64)
	defer debug.SetMemoryLimit(before)
	leakMemory(time.Hour) // returns
	const limit = 64 << 20
	var taken int
	held := leak(limit, 50*time.Millisecond)
	for _, b := range held {
		taken += len(b)
	}
	if taken != 2*limit {
		t.Errorf("%d bytes are held, want %d", taken, 2*limit)
	}
	held = nil
	runtime.GC()
	heap := []metrics.Sample{{Name: "/memory/classes/heap/objects:bytes"}}
	metrics.Read(heap)
	if left := heap[0].Value.Uint64(); left > limit/4 {
		t.Errorf("%d bytes afterwards, want little", left)
	}
}

func TestOrdersAreChecked(t *testing.T) {
	for _, o := range []Order{{Name: "nonsense"}, {}, {Name: Exit, For: -1}, {Name: "spin", For: time.Hour}} {
		if _, err := o.Strike(); err == nil {
			t.Errorf("%+v is taken", o)
		}
	}
}

func TestFile(t *testing.T) {
	path := filepath.Join(t.TempDir(), "order")
	if o, err := ReadFile(path, false); o != nil || err != nil {
		t.Errorf("no file: %v, %v", o, err)
	}
	write := func(text string) {
		if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	write(`{"name":"exit","for":60000000000}`)
	if o, err := ReadFile(path, true); err != nil || o == nil || o.Name != Exit {
		t.Errorf("a standing order meets the next process: %v, %v", o, err)
	}
	old := time.Now().Add(-2 * time.Minute)
	if err := os.Chtimes(path, old, old); err != nil {
		t.Fatal(err)
	}
	if o, err := ReadFile(path, true); o != nil || err != nil {
		t.Errorf("an order that is over: %v, %v", o, err)
	}
	write(`{"name":"leak-memory","for":60000000000}`)
	if o, err := ReadFile(path, true); o != nil || err != nil {
		t.Errorf("an order for the process before: %v, %v", o, err)
	}
	if o, err := ReadFile(path, false); err != nil || o == nil {
		t.Errorf("an order by signal: %v, %v", o, err)
	}
	write(`{`)
	if _, err := ReadFile(path, false); err == nil {
		t.Error("nonsense is read")
	}
}

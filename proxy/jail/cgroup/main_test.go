package cgroup

import (
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"strings"
	"testing"

	"go.uber.org/goleak"
	"golang.org/x/sys/unix"
)

// roleVar makes the test binary a process to put into groups.
const roleVar = "BULKHEAD_CGROUP_TEST_ROLE"

func TestMain(m *testing.M) {
	switch os.Getenv(roleVar) {
	case "sleep": // until stdin ends
		io.Copy(io.Discard, os.Stdin)
		os.Exit(0)
	case "fork": // a child that is not ours to reap
		cmd := member("sleep")
		cmd.Stdin, cmd.Stdout = os.Stdin, os.Stdout
		if err := cmd.Start(); err != nil {
			os.Exit(1)
		}
		fmt.Println("forked")
		cmd.Wait()
		os.Exit(0)
	case "hog": // allocate until killed
		var hoard [][]byte
		for {
			b := make([]byte, 1<<20)
			for i := 0; i < len(b); i += 4096 {
				b[i] = 1
			}
			hoard = append(hoard, b)
			if len(hoard) > 1024 {
				os.Exit(0)
			}
		}
	case "burn": // some CPU time
		for x := 0; x < 50_000_000; x++ {
			sink += x
		}
		os.Exit(0)
	}
	goleak.VerifyTestMain(m)
}

var sink int

func member(role string) *exec.Cmd {
	cmd := exec.Command("/proc/self/exe")
	cmd.Env = append(os.Environ(), roleVar+"="+role, "GORACE=atexit_sleep_ms=0")
	return cmd
}

// startSleeper starts a process that ends with the test at the latest.
func startSleeper(t *testing.T) *exec.Cmd {
	t.Helper()
	cmd := member("sleep")
	in, err := cmd.StdinPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { in.Close(); cmd.Wait() })
	return cmd
}

// hierarchy is the machine's, and in addition its cgroup2 where the controllers are
// all version 1's. Where groups cannot be made at all it checks that Detect says so,
// and there is nothing else to test.
func hierarchies(t *testing.T) map[string]*Hierarchy {
	t.Helper()
	h, err := Detect()
	if err != nil {
		if !errors.Is(err, ErrNotEnforceable) || !strings.Contains(err.Error(), "run as root, or in a delegated cgroup") {
			t.Fatalf("Detect: %v: not a sentence that says what to do", err)
		}
		if os.Geteuid() == 0 && !inUserNamespace() {
			t.Logf("root cannot make groups here: %v", err)
		}
		return nil
	}
	all := map[string]*Hierarchy{fmt.Sprintf("v%d", h.Version()): h}
	if h.Version() == 1 {
		memberships, _ := os.ReadFile("/proc/self/cgroup")
		mounts, _ := os.ReadFile("/proc/self/mountinfo")
		if bases, _ := findV2(parseMemberships(string(memberships)), parseMounts(string(mounts))); len(bases) > 0 {
			all["v2 beside"] = &Hierarchy{version: 2, bases: bases}
		}
	}
	return all
}

func inUserNamespace() bool {
	b, err := os.ReadFile("/proc/self/uid_map")
	return err != nil || !strings.Contains(string(b), "4294967295")
}

// forEach runs a test on every hierarchy, with a name of its own for the group, and
// checks that it left none.
func forEach(t *testing.T, f func(t *testing.T, h *Hierarchy, name string)) {
	for version, h := range hierarchies(t) {
		t.Run(version, func(t *testing.T) {
			name := fmt.Sprintf("bulkhead-test-%d-%s", os.Getpid(), strings.ReplaceAll(strings.ReplaceAll(t.Name(), "/", "-"), " ", "-"))
			t.Cleanup(func() {
				g, err := h.Open(name)
				if err != nil {
					t.Error(err)
					return
				}
				if err := errors.Join(g.Kill(), g.Remove()); err != nil {
					t.Error(err)
				}
				if left, err := h.List(name); err != nil || len(left) > 0 {
					t.Errorf("groups left: %v, %v", left, err)
				}
			})
			f(t, h, name)
		})
	}
}

// has says whether the tests of a controller can be run; the calls must say so too.
func has(t *testing.T, g *Group, controller string) bool {
	t.Helper()
	for _, c := range g.Controllers() {
		if c == controller {
			return true
		}
	}
	return false
}

func wantNotEnforceable(t *testing.T, what string, err error) {
	t.Helper()
	if !errors.Is(err, ErrNotEnforceable) {
		t.Errorf("%s without its controller: %v, want ErrNotEnforceable", what, err)
	}
}

func killedBy(err error) unix.Signal {
	var exit *exec.ExitError
	if !errors.As(err, &exit) {
		return 0
	}
	status := unix.WaitStatus(exit.Sys().(interface{ Signal() unix.Signal }).Signal())
	return unix.Signal(status)
}

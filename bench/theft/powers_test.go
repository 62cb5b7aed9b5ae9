package theft

import (
	"os"
	"os/exec"
	"slices"
	"strings"
	"syscall"
	"testing"

	"golang.org/x/sys/unix"

	"github.com/bulkhead-mesh/bulkhead/bench/trust"
)

func TestParseStatus(t *testing.T) {
	text := "Name:\tbulkhead-cell\nUid:\t70000\t70000\t70000\t70000\nCapEff:\t0000000000202000\nNoNewPrivs:\t1\nSeccomp:\t2\nSeccomp_filters:\t1\n"
	p, err := parseStatus(text)
	if err != nil || p.UID != 70_000 || !p.NoNewPrivs || !p.Filtered || !slices.Equal(p.Capabilities, []string{"net_raw", "sys_admin"}) {
		t.Errorf("%+v, %v", p, err)
	}
	if p, err := parseStatus(strings.Replace(text, "Seccomp:\t2", "Seccomp:\t0", 1)); err != nil || p.Filtered {
		t.Errorf("without a filter: %+v, %v", p, err)
	}
	for _, line := range []string{"Uid:", "CapEff:", "NoNewPrivs:", "Seccomp:"} {
		if _, err := parseStatus(strings.Replace(text, line, "X:", 1)); err == nil {
			t.Errorf("without %s: no error", line)
		}
	}
}

// TestPowersOfAProcess reads those of this one.
func TestPowersOfAProcess(t *testing.T) {
	own, err := os.Readlink("/proc/self/ns/net")
	if err != nil {
		t.Fatal(err)
	}
	names := map[string]string{own: "here"}
	p, err := powersOf(os.Getpid(), names)
	if err != nil || p.UID != os.Getuid() || p.Netns != "here" || p.OwnPIDs || p.OwnMount {
		t.Errorf("of this process: %+v, %v", p, err)
	}
	if name, err := unnamed("/proc/self", own); err != nil || name != own {
		t.Errorf("this namespace, which has routes, is %q, %v", name, err)
	}
	if _, err := powersOf(1<<30, names); err == nil {
		t.Error("a process that does not exist has powers")
	}
}

// TestHeldNamespaces: a child in a namespace of its own holds a descriptor of this one's.
func TestHeldNamespaces(t *testing.T) {
	here, err := os.Readlink("/proc/self/ns/net")
	if err != nil {
		t.Fatal(err)
	}
	held, err := os.Open("/proc/self/ns/net")
	if err != nil {
		t.Fatal(err)
	}
	defer held.Close()
	child := empty(t, held)
	p, err := powersOf(child, map[string]string{here: "here"})
	if err != nil || p.Netns != trust.NoNetns || !slices.Equal(p.NetnsFDs, []string{"here"}) {
		t.Errorf("a child in an empty namespace: %+v, %v", p, err)
	}
}

// empty starts a process in an empty network namespace, until the test ends.
func empty(t *testing.T, files ...*os.File) int {
	t.Helper()
	child := exec.Command("cat")
	child.ExtraFiles = files
	child.SysProcAttr = &syscall.SysProcAttr{Cloneflags: unix.CLONE_NEWNET}
	if os.Geteuid() != 0 {
		child.SysProcAttr.Cloneflags |= unix.CLONE_NEWUSER
	}
	in, err := child.StdinPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := child.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		in.Close()
		if err := child.Wait(); err != nil {
			t.Error(err)
		}
	})
	return child.Process.Pid
}

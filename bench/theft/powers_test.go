package theft

import (
	"os"
	"os/exec"
	"slices"
	"strings"
	"testing"

	"golang.org/x/sys/unix"
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

// TestPowersOfAProcess reads those of this one and of a child with no_new_privs.
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
	fd, err := unix.Open("/proc/self/ns/net", unix.O_RDONLY|unix.O_CLOEXEC, 0)
	if err != nil {
		t.Fatal(err)
	}
	held := os.NewFile(uintptr(fd), "netns")
	defer held.Close()
	in, release, err := os.Pipe()
	if err != nil {
		t.Fatal(err)
	}
	defer in.Close()
	child := exec.Command("cat")
	child.Stdin, child.ExtraFiles = in, []*os.File{held}
	if err := child.Start(); err != nil {
		t.Fatal(err)
	}
	p, err = powersOf(child.Process.Pid, names)
	if err != nil || !slices.Equal(p.NetnsFDs, []string{"here"}) {
		t.Errorf("of a child that holds a namespace: %+v, %v", p, err)
	}
	release.Close()
	if err := child.Wait(); err != nil {
		t.Error(err)
	}
	if _, err := powersOf(1<<30, names); err == nil {
		t.Error("a process that does not exist has powers")
	}
}

package keeper

import (
	"errors"
	"fmt"
	"math/rand/v2"
	"net/url"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"syscall"
	"testing"

	"golang.org/x/sys/unix"

	"github.com/bulkhead-mesh/bulkhead/proxy/jail/cgroup"
)

func TestWallsGrowWithTheGroup(t *testing.T) {
	c, err := ParseConfig([]byte(nodeFile + "walls: {workload: {memory: 100MiB, cpu: 0.5}, base: {cpu: 0.25, memory: 20Mi}}\n"))
	if err != nil {
		t.Fatal(err)
	}
	if got, want := c.Walls.of(3), (Wall{Memory: 320 << 20, CPU: 1.75, Pids: 64 + 3*32, Files: 1024 + 3*8192}); got != want {
		t.Errorf("walls of three: %+v, want %+v", got, want)
	}
	if got := c.Walls.of(1 << 20).Files; got != mostFiles {
		t.Errorf("%d descriptors, the kernel has %d at most", got, mostFiles)
	}
	c.Walls.Off = true
	if got := c.Walls.of(3); got != (Wall{}) {
		t.Errorf("walls that are off: %+v", got)
	}
	d, err := ParseConfig([]byte(nodeFile))
	if err != nil {
		t.Fatal(err)
	}
	if got := d.Walls.of(1); got.CPU != 0.5 || got.Memory != 128<<20 {
		t.Errorf("by default a cell of one workload has %+v; half a core and 128 MiB are documented", got)
	}
}

func TestWallsReject(t *testing.T) {
	for text, want := range map[string]string{
		"walls: {workload: {memory: 5 parsecs}}":                 "no size such as 64MiB",
		"walls: {workload: {memory: -1}}":                        "no size such as 64MiB",
		"walls: {workload: {memory: 99999999999Gi}}":             "no size such as 64MiB",
		"walls: {base: {cpu: -1}}":                               "cannot be negative",
		"walls: {workload: {memory: 1Mi}, base: {memory: 1Ki}}":  "at least 16 MiB",
		"walls: {workload: {cpu: 0.001}, base: {cpu: 0.000001}}": "0.01 cores",
		"walls: {workload: {disk: 5}}":                           "unknown field",
		"walls: {workload: {pids: -3}}":                          "cannot be negative",
	} {
		if _, err := ParseConfig([]byte(nodeFile + text + "\n")); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%s: error %v, want one with %q", text, err, want)
		}
	}
}

// walled starts a node whose cells have cgroups, or skips where there can be none.
func walled(t *testing.T, extra string, flags ...string) (*node, *cgroup.Hierarchy, string) {
	t.Helper()
	h, err := cgroup.Detect()
	name := fmt.Sprintf("bulkhead-test-keeper-%x", rand.Uint64()) // pids of sandboxes are alike
	if err == nil {
		_, err = h.Create(name)
	}
	if errors.Is(err, cgroup.ErrNotEnforceable) {
		t.Skip(err)
	}
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { // after the node has ended: cleanups run last in, first out
		g, err := h.Open(name)
		if err != nil {
			t.Fatal(err)
		}
		if left := cellGroups(t, h, name); len(left) > 0 && !t.Failed() {
			t.Errorf("the node left cgroups: %v", left)
		}
		if err := errors.Join(g.Kill(), g.Remove()); err != nil {
			t.Error(err)
		}
	})
	return startNode(t, "cgroup: "+name+"\n"+extra, flags...), h, name
}

func cellGroups(t *testing.T, h *cgroup.Hierarchy, name string) []string {
	t.Helper()
	g, err := h.Open(name + "/cells")
	if err != nil {
		t.Fatal(err)
	}
	children, err := g.Children()
	if err != nil {
		t.Fatal(err)
	}
	return children
}

// limitsOf reads what the kernel holds against a process.
func limitsOf(t *testing.T, h *cgroup.Hierarchy, group string, pid int) (memory string, files uint64) {
	t.Helper()
	g, err := h.Open(group)
	if err != nil {
		t.Fatal(err)
	}
	for _, dir := range g.Dirs() {
		for _, name := range []string{"memory.limit_in_bytes", "memory.max"} {
			if b, err := os.ReadFile(filepath.Join(dir, name)); err == nil {
				memory = strings.TrimSpace(string(b))
			}
		}
	}
	var nofile unix.Rlimit
	if err := unix.Prlimit(pid, unix.RLIMIT_NOFILE, nil, &nofile); err != nil {
		t.Fatal(err)
	}
	return memory, nofile.Max
}

// I4: the kernel holds a cell to its walls, which follow the size of its group.
func TestWallsFollowTheGroup(t *testing.T) {
	n, h, name := walled(t, "isolation: shared\nliveness: {interval: 100ms}\nwalls: {base: {files: 300}, workload: {files: 200}}\n")
	n.echo(t)
	group := name + "/cells/shared"
	want := func(workloads int) func() error {
		return func() error {
			c := n.cellOf(t, "a/server")
			memory, files := limitsOf(t, h, group, c.PID)
			if w := c.Walls; w.Memory != Bytes(32+96*workloads)<<20 || memory != fmt.Sprint(int64(w.Memory)) && memory != "" {
				return fmt.Errorf("memory wall %d, in the kernel %s", w.Memory, memory)
			}
			if unprivileged := files == 500; int(files) != 300+200*workloads && !unprivileged {
				return fmt.Errorf("%d descriptors", files)
			}
			return nil
		}
	}
	eventually(t, "walls of two", want(2))
	if err := n.roundTrip(); err != nil {
		t.Error(err)
	}
	if err := n.call(t, "DELETE", "/pods?uid="+url.QueryEscape("a/client"), nil, nil); err != nil {
		t.Fatal(err)
	}
	eventually(t, "walls of one", want(1))
	// The next keeper finds the group and keeps it as it is.
	if err := syscall.Kill(n.keeperPID(t), syscall.SIGKILL); err != nil {
		t.Fatal(err)
	}
	eventually(t, "walls under the next keeper", func() error {
		if err := n.call(t, "GET", "/ready", nil, nil); err != nil {
			return err
		}
		return want(1)()
	})
}

// A cell that ends for good leaves no group; nor does a node that was killed whole,
// once its successor runs.
func TestGroupsAreRemoved(t *testing.T) {
	n, h, name := walled(t, "isolation: workload\n")
	if got := cellGroups(t, h, name); len(got) != 2 {
		t.Fatalf("groups %v, want two", got)
	}
	if _, err := h.Create(name + "/cells/stale"); err != nil {
		t.Fatal(err)
	}
	if err := n.call(t, "DELETE", "/pods?uid="+url.QueryEscape("a/client"), nil, nil); err != nil {
		t.Fatal(err)
	}
	if err := syscall.Kill(n.keeperPID(t), syscall.SIGKILL); err != nil {
		t.Fatal(err)
	}
	eventually(t, "one group is left", func() error {
		if got := cellGroups(t, h, name); len(got) != 1 || got[0] != url.PathEscape("workload/a/server") {
			return fmt.Errorf("groups %v", got)
		}
		return nil
	})
	n.ready(t)
	n.cellOf(t, "a/server")
}

// A cell that may come to serve more pods is given more cores later: its runtime
// must not be held to one from the start.
func TestOnlyACellOfOnePodAndOneCoreRunsOnOneThread(t *testing.T) {
	for name, tc := range map[string]struct {
		wall   Wall
		onePod bool
		want   []string
	}{
		"one pod, half a core": {Wall{Memory: 100, CPU: 0.5}, true, []string{"GOMEMLIMIT=90", "GOMAXPROCS=1"}},
		"one pod, two cores":   {Wall{Memory: 100, CPU: 2}, true, []string{"GOMEMLIMIT=90"}},
		"may grow":             {Wall{Memory: 100, CPU: 0.5}, false, []string{"GOMEMLIMIT=90"}},
		"no walls":             {Wall{}, true, nil},
	} {
		if got := tc.wall.environment(tc.onePod); !slices.Equal(got, tc.want) {
			t.Errorf("%s: %q, want %q", name, got, tc.want)
		}
	}
}

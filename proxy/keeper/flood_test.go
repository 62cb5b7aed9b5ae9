package keeper

import (
	"errors"
	"fmt"
	"io"
	"net"
	"net/netip"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"syscall"
	"testing"

	"github.com/bulkhead-mesh/bulkhead/redirect/netns"
)

// bystanders is how many ports of the server the client visits.
const bystanders = 40

// addHostile adds a third pod, whose cell is to be replaced by the hostile one, and has
// the server greet at its ports.
func (n *node) addHostile(t *testing.T) {
	t.Helper()
	ns, err := netns.New()
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { ns.Close() })
	text, err := os.ReadFile(filepath.Join(n.dir, "mesh.yaml"))
	if err != nil {
		t.Fatal(err)
	}
	n.write(t, "mesh.yaml", string(text)+`
- {uid: a/hostile, name: hostile, namespace: a, serviceAccount: client, node: n, addresses: [10.77.0.66], protocol: HBONE}
`)
	n.addPod(t, "a/hostile", ns)
	var serving sync.WaitGroup
	var ls []*net.TCPListener
	for port := range uint16(bystanders) {
		l, err := n.B.Listen(netns.ListenOptions{Port: 9000 + port})
		if err != nil {
			t.Fatal(err)
		}
		ls = append(ls, l)
		serving.Go(func() { greetAll(l) })
	}
	t.Cleanup(func() {
		for _, l := range ls {
			l.Close()
		}
		serving.Wait()
	})
}

// greetAll says hello to everybody, until the listener is closed.
func greetAll(l *net.TCPListener) {
	for {
		c, err := l.AcceptTCP()
		if err != nil {
			return
		}
		_, _ = c.Write([]byte("hello"))
		c.Close()
	}
}

// visit has the client hear the server at a port that it has not used before, so that
// its cell has to ask the keeper where that is.
func (n *node) visit(port uint16) error {
	c, err := n.dialTo(netip.AddrPortFrom(n.B4, port))
	if err != nil {
		return err
	}
	defer c.Close()
	word := make([]byte, 5)
	if _, err := io.ReadFull(c, word); err != nil || string(word) != "hello" {
		return fmt.Errorf("port %d says %q, %w", port, word, err)
	}
	return nil
}

// buildHostile puts the hostile executable in the place of the node's cells, for those
// that start from now on.
func buildHostile(t *testing.T, bin, mode string) {
	t.Helper()
	to := filepath.Join(bin, "bulkhead-cell")
	c := exec.Command("go", "build", "-ldflags", "-X main.mode="+mode, "-o", to+".new", "./testdata/hostile")
	c.Env = append(os.Environ(), "CGO_ENABLED=0")
	if out, err := c.CombinedOutput(); err != nil {
		t.Fatalf("%v: %s", err, out)
	}
	if err := errors.Join(os.Chmod(to+".new", 0o755), os.Rename(to+".new", to)); err != nil {
		t.Fatal(err)
	}
}

// residentOf is what a process has in memory, in KiB.
func residentOf(t *testing.T, pid int) (kib int) {
	t.Helper()
	if _, err := fmt.Sscan(statusOf(t, pid)["VmRSS"][0], &kib); err != nil {
		t.Fatal(err)
	}
	return kib
}

func filesOf(t *testing.T, pid int) int {
	t.Helper()
	d, err := os.ReadDir(fmt.Sprintf("/proc/%d/fd", pid))
	if err != nil {
		t.Fatal(err)
	}
	return len(d)
}

// A cell in a stranger's hands talks to the keeper as fast as it can, about itself and
// about others: the keeper neither crashes nor grows, the other cells' pings and
// questions go on, and it gets nothing of anybody else.
func TestAHostileCellAndItsNeighbours(t *testing.T) {
	for mode, sign := range map[string]string{
		"flood":   "cell says too much",
		"deaf":    "it does not answer",
		"garbage": "malformed",
		"version": "it speaks version 77",
	} {
		t.Run(mode, func(t *testing.T) {
			bin := ownExecutables(t)
			n := startNodeFrom(t, bin, "isolation: workload\nliveness: {interval: 200ms, misses: 10}\n")
			n.addHostile(t)
			if err := n.visit(9000); err != nil { // the control
				t.Fatal(err)
			}
			keeper, before := n.keeperPID(t), n.cells(t)
			resident := residentOf(t, keeper)
			buildHostile(t, bin, mode)
			if err := syscall.Kill(n.cellOf(t, "a/hostile").PID, syscall.SIGKILL); err != nil {
				t.Fatal(err)
			}
			eventually(t, "the keeper notices", func() error {
				if !strings.Contains(n.stderr.String(), sign) {
					return errors.New("nothing says " + sign)
				}
				return nil
			})
			for i := range uint16(bystanders) {
				if err := n.visit(9000 + i); err != nil {
					t.Errorf("a bystander: %v", err)
				}
			}
			if got := n.keeperPID(t); got != keeper {
				t.Errorf("keeper %d was replaced by %d", keeper, got)
			}
			sameNeighbours(t, before, n.cells(t))
			if grown := residentOf(t, keeper) - resident; grown > 48<<10 {
				t.Errorf("the keeper has grown by %d KiB", grown)
			}
			if files := filesOf(t, keeper); files > 100 {
				t.Errorf("the keeper has %d descriptors", files)
			}
			if told := loot(t, n.stderr.String()); mode == "flood" && told == 0 {
				t.Error("it did not tell what it got")
			}
		})
	}
}

func sameNeighbours(t *testing.T, before, after []CellStatus) {
	t.Helper()
	for _, old := range before {
		if slices.Contains(old.Workloads, "a/hostile") {
			continue
		}
		if !slices.ContainsFunc(after, func(c CellStatus) bool { return c.Name == old.Name && c.PID == old.PID && c.Restarts == 0 }) {
			t.Errorf("cell %+v was disturbed: %+v", old, after)
		}
	}
}

// loot reads the hostile cell's own account, and what the node says of it. It returns
// how often the cell gave account.
func loot(t *testing.T, log string) (told int) {
	t.Helper()
	lines, longest := 0, 0
	for line := range strings.Lines(log) {
		var sent, svids, answers, descriptors int
		if n, _ := fmt.Sscanf(line, "hostile: sent %d svids %d answers %d descriptors %d", &sent, &svids, &answers, &descriptors); n == 4 {
			told++
			if svids+answers+descriptors > 0 {
				t.Errorf("it got something: %s", line)
			}
			continue
		}
		longest = max(longest, len(line))
		if strings.Contains(line, "a/hostile") {
			lines++
		}
	}
	// Every start is told in a handful of lines, and starts are delayed.
	if lines > 60 || longest > 8*maxQuoted {
		t.Errorf("%d lines about it, the longest of %d bytes", lines, longest)
	}
	t.Logf("%d lines about it, the longest of %d bytes", lines, longest)
	return told
}

// The node's log is one pipe for all. A cell fills it, and nobody reads: the others are
// served all the same, and started again when they die.
func TestAStuckLogStopsNobody(t *testing.T) {
	bin := ownExecutables(t)
	n := startNodeFrom(t, bin, "isolation: workload\nliveness: {interval: 200ms, misses: 20}\n")
	n.addHostile(t)
	if err := n.visit(9000); err != nil {
		t.Fatal(err)
	}
	keeper, hostile := n.keeperPID(t), n.cellOf(t, "a/hostile").PID
	real := filepath.Join(bin, "bulkhead-cell")
	if err := os.Rename(real, real+".real"); err != nil {
		t.Fatal(err)
	}
	buildHostile(t, bin, "loud")
	n.stderr.mu.Lock() // from here on nobody reads
	stuck := sync.OnceFunc(n.stderr.mu.Unlock)
	t.Cleanup(stuck) // before the node is stopped
	if err := syscall.Kill(hostile, syscall.SIGKILL); err != nil {
		t.Fatal(err)
	}
	eventually(t, "the hostile cell has filled the pipe", func() error { return blockedInWrite(n.cellOf(t, "a/hostile").PID) })
	if err := os.Rename(real+".real", real); err != nil {
		t.Fatal(err)
	}
	for i := range uint16(5) {
		if err := n.visit(9001 + i); err != nil {
			t.Errorf("a bystander: %v", err)
		}
	}
	before := n.cellOf(t, "a/server")
	if err := syscall.Kill(before.PID, syscall.SIGKILL); err != nil {
		t.Fatal(err)
	}
	if err := n.visit(9010); err != nil {
		t.Errorf("through a cell that was started again: %v", err)
	}
	if now := n.cellOf(t, "a/server"); now.PID == before.PID || n.keeperPID(t) != keeper {
		t.Errorf("keeper %d, cell %+v", n.keeperPID(t), now)
	}
	stuck()
	eventually(t, "the log goes on", func() error {
		if !strings.Contains(n.stderr.String(), "hostile: hoarse") {
			return errors.New("not yet")
		}
		return nil
	})
}

// blockedInWrite is nil when a thread of a process waits in a pipe's write.
func blockedInWrite(pid int) error {
	tasks, err := filepath.Glob(fmt.Sprintf("/proc/%d/task/*/syscall", pid))
	if err != nil {
		return err
	}
	for _, path := range tasks {
		b, err := os.ReadFile(path)
		var call, fd int
		if _, scanErr := fmt.Sscanf(string(b), "%d 0x%x", &call, &fd); err == nil && scanErr == nil && call == syscall.SYS_WRITE && fd == 2 {
			return nil
		}
	}
	return fmt.Errorf("no thread of %d", pid)
}

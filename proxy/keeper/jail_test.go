package keeper

import (
	"fmt"
	"os"
	"strings"
	"testing"

	"github.com/bulkhead-mesh/bulkhead/proxy/jail"
)

// What the kernel says of a real cell, and of the node's parent as control.
func TestCellsAreJailed(t *testing.T) {
	p := jail.Probe()
	if p.Seccomp != nil || p.PIDNamespace != nil {
		t.Fatalf("seccomp: %v; pid namespace: %v", p.Seccomp, p.PIDNamespace)
	}
	for _, isolation := range []string{"shared", "workload"} {
		t.Run(isolation, func(t *testing.T) {
			n := startNode(t, "isolation: "+isolation)
			cell := n.cellOf(t, "a/client").PID
			for _, c := range []struct {
				pid               int
				seccomp, innerPID string
			}{
				{cell, "2", "1"},
				{n.cmd.Process.Pid, "0", fmt.Sprint(n.cmd.Process.Pid)},
			} {
				status := statusOf(t, c.pid)
				inner := status["NSpid"][len(status["NSpid"])-1]
				if status["Seccomp"][0] != c.seccomp || inner != c.innerPID {
					t.Errorf("pid %d: Seccomp %v, NSpid %v; want %s, %s", c.pid, status["Seccomp"], status["NSpid"], c.seccomp, c.innerPID)
				}
			}
			b, err := os.ReadFile(fmt.Sprintf("/proc/%d/environ", cell))
			if err != nil {
				t.Fatal(err)
			}
			for variable := range strings.SplitSeq(strings.TrimRight(string(b), "\x00"), "\x00") {
				if name, _, _ := strings.Cut(variable, "="); name != "GOMEMLIMIT" && name != "GOMAXPROCS" {
					t.Errorf("the cell's environment has %q", variable)
				}
			}
		})
	}
}

func statusOf(t *testing.T, pid int) map[string][]string {
	t.Helper()
	b, err := os.ReadFile(fmt.Sprintf("/proc/%d/status", pid))
	if err != nil {
		t.Fatal(err)
	}
	status := map[string][]string{}
	for line := range strings.Lines(string(b)) {
		key, value, _ := strings.Cut(line, ":")
		status[key] = strings.Fields(value)
	}
	return status
}

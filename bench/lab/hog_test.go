package lab

import (
	"errors"
	"fmt"
	"os"
	"strings"
	"testing"

	"github.com/bulkhead-mesh/bulkhead/bench/fault"
	"github.com/bulkhead-mesh/bulkhead/bench/hog"
)

// A process out of hand is in the container of the application, not where the sampler
// is; a memory limit ends it and leaves the sampler alone; and it can be ended before.
func TestMisbehave(t *testing.T) {
	if !inside(t) {
		return
	}
	l := upLab(t, nil)
	const pod = "tenant-a/checkout"
	note, behave, err := l.Misbehave(pod, hog.OfCPU, false)
	if l.groups.hierarchy == nil {
		var cannot *fault.NotEnforceableError
		if !errors.As(err, &cannot) {
			t.Errorf("without cgroups: %v", err)
		}
		return
	}
	if err != nil {
		t.Fatal(err)
	}
	var pid int
	if _, err := fmt.Sscanf(note, "hog cpu (pid %d)", &pid); err != nil {
		t.Fatalf("note %q: %v", note, err)
	}
	eventually(t, "it is in the application's container", func() bool {
		b, err := os.ReadFile(fmt.Sprintf("/proc/%d/cgroup", pid))
		return err == nil && strings.Contains(string(b), "/node-1/tenant-a_checkout/app\n")
	})
	if note, err := behave(); err != nil || note != "it has been ended" {
		t.Errorf("%q, %v", note, err)
	}
	if _, err := os.Stat(fmt.Sprintf("/proc/%d", pid)); !os.IsNotExist(err) {
		t.Errorf("it is still there: %v", err)
	}
	for _, limited := range []bool{true, false} {
		note, behave, err = l.Misbehave(pod, hog.OfMemory, limited)
		if err != nil {
			t.Fatal(err)
		}
		if _, err := fmt.Sscanf(note, "hog memory (pid %d)", &pid); err != nil {
			t.Fatalf("note %q: %v", note, err)
		}
		eventually(t, "the kernel ends it", func() bool {
			_, err := os.Stat(fmt.Sprintf("/proc/%d", pid))
			return os.IsNotExist(err)
		})
		if note, err := behave(); err != nil || note != "the kernel had killed it" {
			t.Errorf("limited %t: %q, %v", limited, note, err)
		}
		if l.apps[pod].process.hasEnded() {
			t.Error("the sampler was killed")
		}
	}
	var misuse *Misuse
	if _, _, err := l.Misbehave("nobody", hog.OfCPU, false); !errors.As(err, &misuse) {
		t.Errorf("in no pod: %v", err)
	}
}

package jail

import (
	"errors"
	"fmt"
	"math/rand/v2"
	"os"
	"strings"
	"testing"

	"github.com/bulkhead-mesh/bulkhead/proxy/jail/cgroup"
)

func TestCgroup(t *testing.T) {
	h, err := cgroup.Detect()
	if err != nil {
		if !errors.Is(err, cgroup.ErrNotEnforceable) || !strings.Contains(err.Error(), "run as root, or in a delegated cgroup") {
			t.Errorf("Detect: %v: not a sentence that says what to do", err)
		}
		return
	}
	name := fmt.Sprintf("bulkhead-test-jail-%x", rand.Uint64()) // pids of sandboxes are alike
	g, err := h.Create(name + "/cell-a")
	if err != nil {
		t.Fatal(err)
	}
	defer func() {
		if whole, err := h.Open(name); err != nil || whole.Remove() != nil {
			t.Errorf("%s is not removed: %v", name, err)
		}
	}()
	t.Logf("joins %v", g.Dirs())
	s := Spec{Netns: -1, Cgroups: g.Dirs(), NoNewPrivs: true}
	if mayChangeUser(t) { // the group is still root's
		s.UID, s.GID = someUID, someUID
	}
	got := mustRun(t, s)
	if n := strings.Count(got.Cgroups, name+"/cell-a\n"); n != len(g.Dirs()) {
		t.Errorf("the program is in %d hierarchies of %s, want %d:\n%s", n, name, len(g.Dirs()), got.Cgroups)
	}
}

// A directory that is no cgroup must not get a file called cgroup.procs.
func TestCgroupThatIsNone(t *testing.T) {
	dir := t.TempDir()
	_, err := run(t, Spec{Netns: -1, Cgroups: []string{dir}})
	if err == nil || !strings.Contains(err.Error(), "jail: cgroup: ") || !strings.Contains(err.Error(), "the group was removed") {
		t.Errorf("%v", err)
	}
	if entries, err := os.ReadDir(dir); err != nil || len(entries) > 0 {
		t.Errorf("left in it: %v, %v", entries, err)
	}
}

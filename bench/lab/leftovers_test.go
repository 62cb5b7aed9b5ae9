package lab

import (
	"errors"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"
)

func TestParseName(t *testing.T) {
	for _, c := range []struct {
		text string
		want name
		ok   bool
	}{
		{"bulkhead-lab-12-345-4026531836", name{12, 345, 4026531836}, true},
		{"bulkhead-lab-12-345", name{}, false},
		{"bulkhead-lab-12-345-", name{}, false},
		{"bulkhead-lab-12-345-6-7", name{}, false},
		{"bulkhead-lab-x-345-6", name{}, false},
		{"bulkhead-lab-0-345-6", name{}, false},
		{"12-345-6", name{}, false},
	} {
		got, ok := parseName(c.text)
		if ok != c.ok || ok && (got != c.want || got.String() != c.text) {
			t.Errorf("%s: %+v, %t", c.text, got, ok)
		}
	}
}

func FuzzParseName(f *testing.F) {
	f.Add("bulkhead-lab-12-345-4026531836")
	f.Fuzz(func(t *testing.T, text string) {
		n, ok := parseName(text)
		if !ok {
			return
		}
		if again, ok := parseName(n.String()); n.pid < 1 || !ok || again != n {
			t.Errorf("%q is %+v", text, n)
		}
	})
}

func TestAlive(t *testing.T) {
	own, err := ownName()
	if err != nil {
		t.Fatal(err)
	}
	earlier, ended, elsewhere := own, own, own
	earlier.start--
	ended.pid = 1<<31 - 1
	elsewhere.pid, elsewhere.pidns = ended.pid, own.pidns+1
	for _, c := range []struct {
		what, name string
		want       bool
	}{
		{"this process", own.String(), true},
		{"an earlier process with this pid", earlier.String(), false},
		{"no such process", ended.String(), false},
		{"a process of another pid namespace", elsewhere.String(), true},
		{"a name that is not ours", prefix + "precious", true},
	} {
		if got := alive(c.name); got != c.want {
			t.Errorf("%s: %t", c.what, got)
		}
	}
}

// TestZombiesAreDead: a lab whose outer process was killed is to be removed, also
// while nobody has waited for that process.
func TestZombiesAreDead(t *testing.T) {
	c := exec.Command("true")
	if err := c.Start(); err != nil {
		t.Fatal(err)
	}
	eventually(t, "the process has ended", func() bool {
		_, err := startTime(c.Process.Pid)
		return errors.Is(err, errEnded)
	})
	if err := c.Wait(); err != nil {
		t.Error(err)
	}
}

func TestRemoveLeftoversTakesTheDeadOnly(t *testing.T) {
	base := t.TempDir()
	own, err := ownName()
	if err != nil {
		t.Fatal(err)
	}
	dead := own
	dead.pid = 1<<31 - 1
	for _, dir := range []string{own.String(), dead.String(), prefix + "precious", "other"} {
		if err := os.MkdirAll(filepath.Join(base, dir, "log"), 0o700); err != nil {
			t.Fatal(err)
		}
	}
	want := []string{filepath.Join(base, own.String()), filepath.Join(base, prefix+"precious")}
	if running, err := Running(base); err != nil || !slices.Equal(running, want) {
		t.Errorf("%v run, %v; want %v", running, err, want)
	}
	if n, err := RemoveLeftovers(base); n != 1 || err != nil {
		t.Errorf("removed %d, %v", n, err)
	}
	for dir, want := range map[string]bool{own.String(): true, dead.String(): false, prefix + "precious": true, "other": true} {
		if _, err := os.Stat(filepath.Join(base, dir)); (err == nil) != want {
			t.Errorf("%s: %v", dir, err)
		}
	}
}

func TestBase(t *testing.T) {
	xdg := shortDir(t)
	dir, err := Base(xdg)
	if err != nil || dir != filepath.Join(xdg, "bulkhead") {
		t.Fatalf("%q, %v", dir, err)
	}
	if err := os.Chmod(dir, 0o755); err != nil {
		t.Fatal(err)
	}
	uid := os.Geteuid()
	if err := makeOwn(dir, uid); err == nil {
		t.Error("a directory that others can read was taken")
	}
	if err := makeOwn(dir, uid+1); err == nil {
		t.Error("a directory of somebody else was taken")
	}
	if err := os.Symlink("/", filepath.Join(xdg, "link")); err != nil {
		t.Fatal(err)
	}
	if err := makeOwn(filepath.Join(xdg, "link"), uid); err == nil {
		t.Error("a symbolic link was taken")
	}
	long := filepath.Join(xdg, strings.Repeat("x", 100))
	var misuse *Misuse
	if _, err := firstUsable([]string{long}, uid); !errors.As(err, &misuse) || !strings.Contains(err.Error(), "room for a socket") {
		t.Errorf("%s leaves no room for a socket's name, but: %v", long, err)
	}
	if got, err := firstUsable([]string{long, xdg}, uid); err != nil || got != xdg {
		t.Errorf("the next best: %q, %v", got, err)
	}
}

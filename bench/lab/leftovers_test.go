package lab

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

func TestParseName(t *testing.T) {
	for _, c := range []struct {
		name  string
		pid   int
		start uint64
		ok    bool
	}{
		{"bulkhead-lab-12-345", 12, 345, true},
		{"bulkhead-lab-12", 0, 0, false},
		{"bulkhead-lab-12-", 0, 0, false},
		{"bulkhead-lab-x-345", 0, 0, false},
		{"bulkhead-lab--1-345", 0, 0, false},
		{"bulkhead-lab-0-345", 0, 0, false},
		{"12-345", 0, 0, false},
	} {
		pid, start, ok := parseName(c.name)
		if ok != c.ok || ok && (pid != c.pid || start != c.start) {
			t.Errorf("%s: %d, %d, %t", c.name, pid, start, ok)
		}
	}
}

func FuzzParseName(f *testing.F) {
	f.Add("bulkhead-lab-12-345")
	f.Fuzz(func(t *testing.T, name string) {
		pid, start, ok := parseName(name)
		if ok && (pid < 1 || !strings.HasPrefix(name, prefix)) {
			t.Errorf("%q gives %d, %d", name, pid, start)
		}
	})
}

func TestAlive(t *testing.T) {
	own, err := ownName()
	if err != nil {
		t.Fatal(err)
	}
	pid, start, _ := parseName(own)
	for _, c := range []struct {
		what, name string
		want       bool
	}{
		{"this process", own, true},
		{"an earlier process with this pid", fmt.Sprintf("%s%d-%d", prefix, pid, start-1), false},
		{"no such process", prefix + "2147483647-1", false},
		{"a name that is not ours", prefix + "precious", true},
	} {
		if got := alive(c.name); got != c.want {
			t.Errorf("%s: %t", c.what, got)
		}
	}
}

func TestRemoveLeftoversTakesTheDeadOnly(t *testing.T) {
	base := t.TempDir()
	own, err := ownName()
	if err != nil {
		t.Fatal(err)
	}
	dead := prefix + "2147483647-1"
	for _, name := range []string{own, dead, prefix + "precious", "other"} {
		if err := os.MkdirAll(filepath.Join(base, name, "log"), 0o700); err != nil {
			t.Fatal(err)
		}
	}
	if n, err := RemoveLeftovers(base); n != 1 || err != nil {
		t.Errorf("removed %d, %v", n, err)
	}
	for name, want := range map[string]bool{own: true, dead: false, prefix + "precious": true, "other": true} {
		if _, err := os.Stat(filepath.Join(base, name)); (err == nil) != want {
			t.Errorf("%s: %v", name, err)
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
	if err := os.Mkdir(long, 0o700); err != nil {
		t.Fatal(err)
	}
	if dir, err := Base(long); err == nil && strings.HasPrefix(dir, long) {
		t.Errorf("%s leaves no room for a socket's name", dir)
	}
}

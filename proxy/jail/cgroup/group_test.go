package cgroup

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
)

func TestCreateAndRemove(t *testing.T) {
	forEach(t, func(t *testing.T, h *Hierarchy, name string) {
		g, err := h.Create(name + "/node-1/cell-a")
		if err != nil {
			t.Fatal(err)
		}
		again, err := h.Create(name + "/node-1/cell-a")
		if err != nil || !slices.Equal(again.Dirs(), g.Dirs()) {
			t.Errorf("created again: %v, %v", again, err)
		}
		for _, dir := range g.Dirs() {
			if fi, err := os.Stat(filepath.Join(dir, "cgroup.procs")); err != nil || !fi.Mode().IsRegular() {
				t.Errorf("%s is not a cgroup: %v", dir, err)
			}
		}
		whole, err := h.Open(name)
		if err != nil {
			t.Fatal(err)
		}
		for range 2 { // the second time there is nothing
			if err := whole.Remove(); err != nil {
				t.Error(err)
			}
		}
		for _, dir := range whole.Dirs() {
			if _, err := os.Stat(dir); !errors.Is(err, fs.ErrNotExist) {
				t.Errorf("%s is still there: %v", dir, err)
			}
		}
	})
}

func TestNames(t *testing.T) {
	h := &Hierarchy{version: 2, bases: []base{{dir: t.TempDir()}}}
	for _, name := range []string{"", ".", "..", "/a", "a/..", "../a", "a//b", "a/", "./a", "a\nb", "a\x00"} {
		if _, err := h.Create(name); err == nil {
			t.Errorf("Create(%q) did", name)
		}
		if _, err := h.Open(name); err == nil {
			t.Errorf("Open(%q) did", name)
		}
	}
}

// A group that can be made in one hierarchy and not in the other is made in none.
func TestCreateUndoesItsPart(t *testing.T) {
	good := t.TempDir()
	if err := os.Mkdir(filepath.Join(good, "kept"), 0o755); err != nil {
		t.Fatal(err)
	}
	h := &Hierarchy{version: 1, bases: []base{{dir: good}, {dir: filepath.Join(good, "absent")}}}
	if _, err := h.Create("kept/a/b"); err == nil {
		t.Fatal("Create did")
	}
	entries, err := os.ReadDir(filepath.Join(good, "kept"))
	if err != nil || len(entries) != 0 {
		t.Errorf("left: %v, %v", entries, err)
	}
}

func TestCreateWithoutPermission(t *testing.T) {
	h := &Hierarchy{version: 1, bases: []base{{dir: "/proc/self/net"}}}
	_, err := h.Create("a")
	if err == nil || errors.Is(err, fs.ErrPermission) && !errors.Is(err, ErrNotEnforceable) {
		t.Errorf("Create below /proc: %v", err)
	}
}

// fakeV2 is a directory with the files of a version 2 cgroup.
func fakeV2(t *testing.T, dir string, files map[string]string) {
	t.Helper()
	if err := os.MkdirAll(dir, 0o755); err != nil {
		t.Fatal(err)
	}
	for name, content := range files {
		if err := os.WriteFile(filepath.Join(dir, name), []byte(content), 0o644); err != nil {
			t.Fatal(err)
		}
	}
}

func content(t *testing.T, dir, name string) string {
	t.Helper()
	b, err := os.ReadFile(filepath.Join(dir, name))
	if err != nil {
		t.Fatal(err)
	}
	return string(b)
}

// Version 2's "no internal processes": see the package doc.
func TestDistribution(t *testing.T) {
	for name, tc := range map[string]struct {
		files       map[string]string
		distributes bool
		controllers []string
	}{
		"with processes": {map[string]string{"cgroup.type": "domain\n", "cgroup.procs": "1\n"}, false, []string{"cpuacct"}},
		"empty":          {map[string]string{"cgroup.type": "domain\n", "cgroup.procs": ""}, true, []string{"cpuacct", "memory"}},
		"root":           {map[string]string{"cgroup.procs": "1\n"}, true, []string{"cpuacct", "memory"}},
		"with processes, distributed before": {map[string]string{"cgroup.type": "domain\n", "cgroup.procs": "1\n",
			"cgroup.subtree_control": "memory pids\n"}, false, []string{"cpuacct", "memory", "pids"}},
	} {
		t.Run(name, func(t *testing.T) {
			dir := t.TempDir()
			fakeV2(t, dir, map[string]string{"cgroup.controllers": "io memory\n", "cgroup.subtree_control": ""})
			fakeV2(t, dir, tc.files)
			before := content(t, dir, "cgroup.subtree_control")
			h := &Hierarchy{version: 2, bases: []base{{dir: dir}}}
			if got := h.Controllers(); !slices.Equal(got, tc.controllers) {
				t.Errorf("controllers %v, want %v", got, tc.controllers)
			}
			if _, err := h.Create("a"); err != nil {
				t.Fatal(err)
			}
			want := before
			if tc.distributes {
				want = "+memory"
			}
			if got := content(t, dir, "cgroup.subtree_control"); got != want {
				t.Errorf("subtree_control %q, want %q", got, want)
			}
		})
	}
}

func TestAdd(t *testing.T) {
	forEach(t, func(t *testing.T, h *Hierarchy, name string) {
		g, err := h.Create(name + "/a")
		if err != nil {
			t.Fatal(err)
		}
		cmd := startSleeper(t)
		if err := g.Add(cmd.Process.Pid); err != nil {
			t.Fatal(err)
		}
		whole, err := h.Open(name)
		if err != nil {
			t.Fatal(err)
		}
		for _, g := range []*Group{g, whole} {
			if pids, err := g.Processes(); err != nil || !slices.Equal(pids, []int{cmd.Process.Pid}) {
				t.Errorf("processes %v, %v, want %d", pids, err, cmd.Process.Pid)
			}
		}
		memberships, err := os.ReadFile(fmt.Sprintf("/proc/%d/cgroup", cmd.Process.Pid))
		if err != nil {
			t.Fatal(err)
		}
		if n := strings.Count(string(memberships), name+"/a"); n != len(g.Dirs()) {
			t.Errorf("in %d hierarchies, want %d:\n%s", n, len(g.Dirs()), memberships)
		}
		if err := g.Add(1 << 30); err == nil {
			t.Error("a process that does not exist was added")
		}
	})
}

package cgroup

import (
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"golang.org/x/sys/unix"
)

// inGroup starts a process that is in the group before it does anything.
func runInside(t *testing.T, g *Group, role string) error {
	t.Helper()
	cmd := member(role)
	// The process is stopped by nobody between fork and Add; so let the shell join.
	script := ""
	for _, dir := range g.Dirs() {
		script += "echo 0 > '" + filepath.Join(dir, "cgroup.procs") + "' && "
	}
	cmd.Path, cmd.Args = "/bin/sh", []string{"sh", "-c", script + "exec '" + executable(t) + "'"}
	return cmd.Run()
}

func executable(t *testing.T) string {
	t.Helper()
	path, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	return path
}

func TestCPU(t *testing.T) {
	forEach(t, func(t *testing.T, h *Hierarchy, name string) {
		g, err := h.Create(name)
		if err != nil {
			t.Fatal(err)
		}
		if err := runInside(t, g, "burn"); err != nil {
			t.Fatal(err)
		}
		used, err := g.CPU()
		if !has(t, g, "cpuacct") {
			wantNotEnforceable(t, "CPU", err)
			return
		}
		// A loop of 5e7 additions takes more than 10 ms on any machine.
		if err != nil || used < 10*time.Millisecond || used > time.Minute {
			t.Errorf("CPU %s, %v", used, err)
		}
	})
}

func TestMemoryLimit(t *testing.T) {
	forEach(t, func(t *testing.T, h *Hierarchy, name string) {
		g, err := h.Create(name)
		if err != nil {
			t.Fatal(err)
		}
		err = g.SetMemory(32 << 20)
		if !has(t, g, "memory") {
			wantNotEnforceable(t, "SetMemory", err)
			_, err = g.Memory()
			wantNotEnforceable(t, "Memory", err)
			_, err = g.OOMKills()
			wantNotEnforceable(t, "OOMKills", err)
			return
		}
		if err != nil {
			t.Fatal(err)
		}
		if err := runInside(t, g, "hog"); killedBy(err) != unix.SIGKILL {
			t.Errorf("a process of 1 GiB in a group of 32 MiB: %v, want SIGKILL", err)
		}
		if n, err := g.OOMKills(); err != nil || n < 1 {
			t.Errorf("OOM kills %d, %v, want 1", n, err)
		}
		cmd := startSleeper(t)
		if err := g.SetMemory(0); err != nil {
			t.Error(err)
		}
		if err := g.Add(cmd.Process.Pid); err != nil {
			t.Fatal(err)
		}
		if n, err := g.Memory(); err != nil || n < 0 || n > 1<<30 {
			t.Errorf("memory %d, %v", n, err)
		}
	})
}

func TestCPUAndPidLimitsAreSet(t *testing.T) {
	forEach(t, func(t *testing.T, h *Hierarchy, name string) {
		g, err := h.Create(name)
		if err != nil {
			t.Fatal(err)
		}
		for _, tc := range []struct {
			controller, file, want, lifted string
			set, lift                      func() error
		}{
			{"cpu", map[int]string{1: "cpu.cfs_quota_us", 2: "cpu.max"}[g.version], "50000", map[int]string{1: "-1", 2: "max 100000"}[g.version],
				func() error { return g.SetCPU(0.5) }, func() error { return g.SetCPU(0) }},
			{"pids", "pids.max", "100", "max", func() error { return g.SetPids(100) }, func() error { return g.SetPids(0) }},
		} {
			err := tc.set()
			if !has(t, g, tc.controller) {
				wantNotEnforceable(t, tc.controller, err)
				continue
			}
			if err != nil {
				t.Fatal(err)
			}
			path, err := g.file(tc.controller, tc.file)
			if err != nil {
				t.Fatal(err)
			}
			if got := readWords(path); len(got) == 0 || got[0] != tc.want {
				t.Errorf("%s: %v, want %s", tc.file, got, tc.want)
			}
			if err := tc.lift(); err != nil {
				t.Error(err)
			}
			if got := strings.Join(readWords(path), " "); got != tc.lifted {
				t.Errorf("%s lifted: %q, want %q", tc.file, got, tc.lifted)
			}
		}
	})
}

// What is read is what was set, to the microsecond.
func TestCPULimitIsReadBack(t *testing.T) {
	forEach(t, func(t *testing.T, h *Hierarchy, name string) {
		g, err := h.Create(name)
		if err != nil {
			t.Fatal(err)
		}
		if !has(t, g, "cpu") {
			_, err := g.CPULimit()
			wantNotEnforceable(t, "CPULimit", err)
			return
		}
		for _, cores := range []float64{0, 0.29, 1.7, 0} {
			if err := g.SetCPU(cores); err != nil {
				t.Fatal(err)
			}
			if got, err := g.CPULimit(); err != nil || got != cores {
				t.Errorf("%v cores read as %v, %v", cores, got, err)
			}
		}
	})
}

func TestShare(t *testing.T) {
	for _, c := range []struct {
		quota, period string
		want          float64
		wrong         bool
	}{{"max", "100000", 0, false}, {"-1", "100000", 0, false}, {"50000", "100000", 0.5, false}, {"x", "100000", 0, true}, {"1", "0", 0, true}, {"1", "", 0, true}} {
		if got, err := share(c.quota, c.period); got != c.want || (err != nil) != c.wrong {
			t.Errorf("%q of %q: %v, %v", c.quota, c.period, got, err)
		}
	}
}

// What version 2 is told, also on machines whose version 2 has no controllers.
func TestVersion2Files(t *testing.T) {
	dir := t.TempDir()
	fakeV2(t, dir, map[string]string{
		"cgroup.controllers": "cpu memory pids\n",
		"memory.max":         "", "memory.swap.max": "", "cpu.max": "", "pids.max": "",
		"memory.current": "4096\n", "memory.events": "low 0\noom 3\noom_kill 2\n", "cpu.stat": "usage_usec 1500\nuser_usec 1\n",
	})
	g := &Group{version: 2, places: []place{{dir: dir}}}
	for _, set := range []func() error{
		func() error { return g.SetMemory(1 << 20) }, func() error { return g.SetCPU(1.5) }, func() error { return g.SetPids(7) },
	} {
		if err := set(); err != nil {
			t.Error(err)
		}
	}
	for name, want := range map[string]string{"memory.max": "1048576", "memory.swap.max": "0", "cpu.max": "150000 100000", "pids.max": "7"} {
		if got := content(t, dir, name); got != want {
			t.Errorf("%s: %q, want %q", name, got, want)
		}
	}
	if n, err := g.Memory(); n != 4096 || err != nil {
		t.Errorf("Memory: %d, %v", n, err)
	}
	if n, err := g.OOMKills(); n != 2 || err != nil {
		t.Errorf("OOMKills: %d, %v", n, err)
	}
	if d, err := g.CPU(); d != 1500*time.Microsecond || err != nil {
		t.Errorf("CPU: %s, %v", d, err)
	}
}

func TestParseCounter(t *testing.T) {
	for _, tc := range []struct {
		text, key string
		want      int64
		ok        bool
	}{
		{"12\n", "", 12, true},
		{"max\n", "", 0, false},
		{"", "", 0, false},
		{"a 1\nb 2\n", "b", 2, true},
		{"a 1\nb 2\n", "c", 0, false},
		{"a x\n", "a", 0, false},
	} {
		got, err := parseCounter(tc.text, tc.key)
		if got != tc.want || (err == nil) != tc.ok {
			t.Errorf("%q %q: %d, %v", tc.text, tc.key, got, err)
		}
	}
}

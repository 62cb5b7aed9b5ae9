package cgroup

import (
	"fmt"
	"os"
	"strconv"
	"strings"
	"time"
)

// CPU is the CPU time used by all processes that were ever inside.
func (g *Group) CPU() (time.Duration, error) {
	if g.version == 2 {
		n, err := g.counter("cpuacct", "cpu.stat", "usage_usec")
		return time.Duration(n) * time.Microsecond, err
	}
	n, err := g.counter("cpuacct", "cpuacct.usage", "")
	return time.Duration(n), err
}

// Throttled is the time that processes of the group were kept from a CPU by its limit.
func (g *Group) Throttled() (time.Duration, error) {
	if g.version == 2 {
		n, err := g.counter("cpu", "cpu.stat", "throttled_usec")
		return time.Duration(n) * time.Microsecond, err
	}
	n, err := g.counter("cpu", "cpu.stat", "throttled_time")
	return time.Duration(n), err
}

// Memory is what is charged to the group now, in bytes: anonymous memory, page cache
// and socket buffers.
func (g *Group) Memory() (int64, error) {
	if g.version == 2 {
		return g.counter("memory", "memory.current", "")
	}
	return g.counter("memory", "memory.usage_in_bytes", "")
}

// MemoryLimit is the group's own limit in bytes, 0 for none. Those above it may be lower.
func (g *Group) MemoryLimit() (int64, error) {
	name := "memory.limit_in_bytes"
	if g.version == 2 {
		name = "memory.max"
	}
	path, err := g.file("memory", name)
	if err != nil {
		return 0, err
	}
	b, err := os.ReadFile(path)
	if err != nil {
		return 0, fmt.Errorf("cgroup: %w", err)
	}
	n, err := parseLimit(string(b))
	if err != nil {
		return 0, fmt.Errorf("cgroup: %s: %w", path, err)
	}
	return n, nil
}

// unlimited is what version 1 shows for no limit, or more: the largest number of whole
// pages.
const unlimited = 1<<63 - 1<<16

func parseLimit(text string) (int64, error) {
	text = strings.TrimSpace(text)
	if text == "max" {
		return 0, nil
	}
	n, err := strconv.ParseInt(text, 10, 64)
	if n >= unlimited {
		n = 0
	}
	return n, err
}

// OOMKills counts the processes that were killed because of a memory limit.
func (g *Group) OOMKills() (int64, error) {
	if g.version == 2 {
		return g.counter("memory", "memory.events", "oom_kill")
	}
	return g.counter("memory", "memory.oom_control", "oom_kill")
}

// counter reads a file of one number, or of lines "key number".
func (g *Group) counter(controller, name, key string) (int64, error) {
	path, err := g.file(controller, name)
	if err != nil {
		return 0, err
	}
	b, err := os.ReadFile(path)
	if err != nil {
		return 0, fmt.Errorf("cgroup: %w", err)
	}
	n, err := parseCounter(string(b), key)
	if err != nil {
		return 0, fmt.Errorf("cgroup: %s: %w", path, err)
	}
	return n, nil
}

func parseCounter(text, key string) (int64, error) {
	if key == "" {
		return strconv.ParseInt(strings.TrimSpace(text), 10, 64)
	}
	for line := range strings.Lines(text) {
		if f := strings.Fields(line); len(f) == 2 && f[0] == key {
			return strconv.ParseInt(f[1], 10, 64)
		}
	}
	return 0, fmt.Errorf("no %q in it", key)
}

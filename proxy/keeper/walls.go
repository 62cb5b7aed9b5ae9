package keeper

import (
	"fmt"
	"strconv"
)

// Walls are what a cell may use of the machine: Base, plus Workload for every
// workload that it serves. They are limits and not reservations, so their sum may
// exceed the machine. A cell that shares its process is given what its workloads
// would have had alone: an isolation costs or saves nothing by the walls.
type Walls struct {
	Off      bool `json:"off,omitempty"` // for comparison: cells have cgroups without limits
	Base     Wall `json:"base,omitempty"`
	Workload Wall `json:"workload,omitempty"`
}

// Wall is an amount of each thing that has a limit.
type Wall struct {
	Memory Bytes   `json:"memory,omitempty"`
	CPU    float64 `json:"cpu,omitempty"`   // cores
	Pids   int     `json:"pids,omitempty"`  // threads
	Files  int     `json:"files,omitempty"` // descriptors
}

func (w *Walls) complete() {
	set(&w.Base.Memory, 32<<20)
	set(&w.Base.CPU, 0.1)
	set(&w.Base.Pids, 64) // the runtime ends a process that cannot have a thread
	set(&w.Base.Files, 1024)
	set(&w.Workload.Memory, 96<<20)
	set(&w.Workload.CPU, 0.4)
	set(&w.Workload.Pids, 32)
	set(&w.Workload.Files, 8192)
}

func (w Walls) validate() error {
	for name, x := range map[string]Wall{"base": w.Base, "workload": w.Workload} {
		if x.Memory < 0 || x.CPU < 0 || x.Pids < 0 || x.Files < 0 {
			return fmt.Errorf("walls.%s: memory, cpu, pids and files cannot be negative", name)
		}
	}
	if !w.Off && (w.of(1).Memory < minMemory || !(w.of(1).CPU >= minCPU && w.of(1).CPU < maxCPU)) { // also refuses NaN
		return fmt.Errorf("walls: base and workload together must be at least %d MiB and %g cores: a cell needs them to start", minMemory>>20, minCPU)
	}
	return nil
}

const (
	minMemory = 16 << 20
	minCPU    = 0.01 // the kernel's least quota, 1 ms in 100
	maxCPU    = 1 << 20
)

// of is the wall of a cell that serves n workloads; zero without walls.
func (w Walls) of(n int) Wall {
	if w.Off {
		return Wall{}
	}
	n = max(n, 1)
	b, p := w.Base, w.Workload
	return Wall{
		Memory: b.Memory + Bytes(n)*p.Memory, CPU: b.CPU + float64(n)*p.CPU,
		Pids: b.Pids + n*p.Pids, Files: min(b.Files+n*p.Files, mostFiles),
	}
}

// mostFiles is the usual fs.nr_open, above which no limit can be.
const mostFiles = 1 << 20

// collectable is the part of the memory wall at which the cell's runtime begins to
// collect harder: the rest is for what it does not count, socket buffers and pages
// of the executable.
func (w Wall) collectable() int64 { return int64(w.Memory) / 10 * 9 }

// environment is that of a cell's process, in full: what the keeper was given, tokens
// perhaps, is not for cells. A cell that stays alone with one pod and has one core at
// most runs Go on one thread at a time: a second would only share the same quota, and
// the runtime keeps caches of 0.3 MiB for it.
func (w Wall) environment(onePod bool) (env []string) {
	if w.Memory != 0 {
		env = append(env, "GOMEMLIMIT="+strconv.FormatInt(w.collectable(), 10))
	}
	if onePod && w.CPU > 0 && w.CPU <= 1 {
		env = append(env, "GOMAXPROCS=1")
	}
	return env
}

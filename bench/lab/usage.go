package lab

import (
	"time"

	"golang.org/x/sys/unix"

	"github.com/bulkhead-mesh/bulkhead/bench/load"
)

// ProcUsage is what one process uses.
type ProcUsage struct {
	Proc
	PSS     int64         `json:"pss"`     // bytes; shared pages divided by their users
	Private int64         `json:"private"` // bytes that nobody else maps
	Charge  int64         `json:"charge"`  // bytes charged to its own cgroup; 0: it has none
	Threads int           `json:"threads"`
	Read    int64         `json:"read"` // bytes from files and streams since its start
	CPU     time.Duration `json:"cpu"`  // since its start
}

// Usage is what a data plane uses.
type Usage struct {
	At      int64         `json:"at"` // CLOCK_MONOTONIC, ns
	Procs   []ProcUsage   `json:"procs"`
	PSS     int64         `json:"pss"`
	Private int64         `json:"private"`
	CPU     time.Duration `json:"cpu"` // also of processes that have ended since Place
}

// Usage is what all processes of the data plane use now. PSS divides pages among
// the processes that map them, those of other executables included, so that sums
// add up but a single process looks cheaper beside others of its kind.
func (l *Lab) Usage() (Usage, error) {
	u := Usage{At: load.Now()}
	d := l.dataPlane()
	if d == nil {
		return u, nil
	}
	tree, err := readTree()
	if err != nil {
		return u, at("usage", "", err)
	}
	for _, c := range d.containers {
		c.mu.Lock()
		u.CPU += c.spent
		c.mu.Unlock()
		for _, p := range tree.below(c.pid()) {
			u.add(l.describe(c, p), p, p.stat.PID == c.pid(), l.groups)
		}
	}
	names := l.named(d, tree)
	for i := range u.Procs {
		if p, ok := names[u.Procs[i].PID]; ok {
			u.Procs[i].Proc = p
		}
	}
	return u, nil
}

// add counts one process. A process that ends meanwhile uses nothing any more.
func (u *Usage) add(p Proc, b branch, root bool, g groups) {
	rollup, err := b.proc.ProcSMapsRollup()
	if err != nil {
		return
	}
	one := ProcUsage{
		Proc:    p,
		PSS:     int64(rollup.Pss),
		Private: int64(rollup.PrivateClean + rollup.PrivateDirty),
		Charge:  g.charge(b.stat.PID),
		Threads: b.stat.NumThreads,
		Read:    read(b),
		CPU:     cpuOf(b.stat.PID),
	}
	u.Procs = append(u.Procs, one)
	u.PSS += one.PSS
	u.Private += one.Private
	u.CPU += one.CPU
	if root { // what its children had used that it waited for
		u.CPU += ticks(uint(max(0, b.stat.CUTime+b.stat.CSTime)))
	}
}

// CPU is the CPU time since its start of every process of the data plane on a node,
// by pid: a look that costs less than Usage, for during a load.
func (l *Lab) CPU(node string) (map[int]time.Duration, error) {
	all := make(map[int]time.Duration)
	d := l.dataPlane()
	if d == nil {
		return all, nil
	}
	tree, err := readTree()
	if err != nil {
		return nil, at("usage", node, err)
	}
	for _, c := range d.containers {
		if c.node != node {
			continue
		}
		for _, p := range tree.below(c.pid()) {
			all[p.stat.PID] = cpuOf(p.stat.PID)
		}
	}
	return all, nil
}

// cpuOf reads the CPU clock of a process (clock_getcpuclockid(3)): nanoseconds over
// all its threads, those that have ended included. /proc has ticks of 10 ms, more
// than an idle cell uses in a minute; a cgroup counts as finely, but anchor and keeper
// have none of their own, and without root there are none. 0: it has ended.
func cpuOf(pid int) time.Duration {
	const ofScheduler = 2 // CPUCLOCK_SCHED, of the process and not of a thread
	var ts unix.Timespec
	if unix.ClockGettime(int32(^pid<<3|ofScheduler), &ts) != nil {
		return 0
	}
	return time.Duration(ts.Nano())
}

// ticks converts the kernel's USER_HZ, which is 100 on every architecture of Linux
// that Go supports.
func ticks(n uint) time.Duration { return time.Duration(n) * 10 * time.Millisecond }

// read is 0 where the kernel does not account it.
func read(b branch) int64 {
	io, err := b.proc.IO()
	if err != nil {
		return 0
	}
	return int64(io.RChar)
}

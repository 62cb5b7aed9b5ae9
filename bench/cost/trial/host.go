package trial

import (
	"runtime"
	"time"

	"github.com/prometheus/procfs"
	"golang.org/x/sys/unix"

	"github.com/bulkhead-mesh/bulkhead/bench/cost"
	"github.com/bulkhead-mesh/bulkhead/bench/lab"
	"github.com/bulkhead-mesh/bulkhead/bench/measure"
)

// describe is the record's first line. What a machine does not tell of itself stays
// empty.
func (t *Trial) describe(id string) *cost.Run {
	var u unix.Utsname
	_ = unix.Uname(&u) // it has nothing to fail on
	var s unix.Sysinfo_t
	_ = unix.Sysinfo(&s)
	return &cost.Run{
		Schema: cost.Schema, ID: id, Started: time.Now().UTC().Truncate(time.Second), Version: t.p.Version,
		Host:   measure.Host{Kernel: unix.ByteSliceToString(u.Release[:]), CPUs: runtime.NumCPU(), Privileged: t.p.Privileged},
		CPU:    cpuModel(),
		Memory: int64(uint64(s.Totalram) * uint64(s.Unit)),
		Seed:   t.p.Seed, Repeat: t.p.Repeat, Sizes: t.p.Sizes, Isolations: t.p.Isolations,
		Settle: int64(t.p.Times.Settle), Rotation: int64(lab.Rotation), Drain: int64(lab.Drain),
	}
}

// busy is the machine's load average over the last minute; 0 where it does not tell.
func busy() float64 {
	fs, err := procfs.NewDefaultFS()
	if err != nil {
		return 0
	}
	avg, err := fs.LoadAvg()
	if err != nil {
		return 0
	}
	return avg.Load1
}

func cpuModel() string {
	fs, err := procfs.NewDefaultFS()
	if err != nil {
		return ""
	}
	all, err := fs.CPUInfo()
	if err != nil || len(all) == 0 {
		return ""
	}
	return all[0].ModelName
}

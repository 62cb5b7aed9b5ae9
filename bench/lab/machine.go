package lab

import (
	"time"

	"github.com/prometheus/procfs"
	"golang.org/x/sys/unix"

	"github.com/bulkhead-mesh/bulkhead/bench/load"
)

// Machine is what the CPUs have done since the machine started. All nodes of a lab share
// them, and its load too: what is late may be so because nobody had a CPU for it.
type Machine struct {
	At     int64         // CLOCK_MONOTONIC, ns
	CPUs   int           // on which processes of the lab may run
	Idle   time.Duration // summed over those
	Waited time.Duration // in which at least one task wanted a CPU and had none; 0 where the kernel does not count it (PSI)
}

// Machine reads it now: two small files.
func (*Lab) Machine() (Machine, error) {
	fs, err := procfs.NewDefaultFS()
	if err != nil {
		return Machine{}, at("machine", "", err)
	}
	stat, err := fs.Stat()
	if err != nil {
		return Machine{}, at("machine", "", err)
	}
	var ours unix.CPUSet // what the others do is no relief for who may not use them
	if err := unix.SchedGetaffinity(0, &ours); err != nil {
		return Machine{}, at("machine", "", err)
	}
	m := Machine{At: load.Now()}
	for i, cpu := range stat.CPU {
		if ours.IsSet(int(i)) {
			m.CPUs++
			m.Idle += time.Duration((cpu.Idle + cpu.Iowait) * float64(time.Second))
		}
	}
	if psi, err := fs.PSIStatsForResource("cpu"); err == nil && psi.Some != nil {
		m.Waited = time.Duration(psi.Some.Total) * time.Microsecond
	}
	return m, nil
}

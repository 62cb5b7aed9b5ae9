package lab

import (
	"time"

	"github.com/prometheus/procfs"

	"github.com/bulkhead-mesh/bulkhead/bench/load"
)

// Machine is what the CPUs have done since the machine started. All nodes of a lab share
// them, and its load too: what is late may be so because nobody had a CPU for it.
type Machine struct {
	At     int64         // CLOCK_MONOTONIC, ns
	Idle   time.Duration // summed over all CPUs
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
	m := Machine{At: load.Now(), Idle: time.Duration((stat.CPUTotal.Idle + stat.CPUTotal.Iowait) * float64(time.Second))}
	if psi, err := fs.PSIStatsForResource("cpu"); err == nil && psi.Some != nil {
		m.Waited = time.Duration(psi.Some.Total) * time.Microsecond
	}
	return m, nil
}

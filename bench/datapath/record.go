package datapath

import (
	"runtime"
	"slices"
	"time"

	"github.com/prometheus/procfs"
	"golang.org/x/sys/unix"

	"github.com/bulkhead-mesh/bulkhead/bench/datapath/verdict"
)

// Describe is the record's first line. What a machine does not tell of itself stays empty.
func (p Params) Describe() verdict.Run {
	var u unix.Utsname
	_ = unix.Uname(&u) // it has nothing to fail on
	r := verdict.Run{
		Started: time.Now().UTC().Truncate(time.Second), Build: p.Version, Go: runtime.Version(),
		Kernel: unix.ByteSliceToString(u.Release[:]), CPU: cpuModel(), CPUs: runtime.NumCPU(), Rounds: p.Rounds, Seed: p.Seed,
		Placement: "client and its proxy on CPU 0, server and its proxy on CPU 1; isolation " + p.Isolation,
	}
	for _, name := range p.Subjects {
		s := verdict.Subject{Name: name}
		if one, ok := p.peer(name); ok {
			s.Version = one.Version()
		}
		r.Subjects = append(r.Subjects, s)
	}
	for _, row := range append(verdict.Rows(), idle50k) {
		if slices.Contains(p.Rows, row.Name) {
			r.Rows = append(r.Rows, row)
		}
	}
	return r
}

// idle50k has no peer that could hold as many; the bar is that of the row idle.
var idle50k = verdict.Row{
	Name: Idle50k, Title: "50,000 idle connections, both proxies", Metric: verdict.BytesPerConn, Better: verdict.Less,
	Subject: verdict.Bulkhead, Peer: "nginx", Bar: 0.18, Goal: 0.08,
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

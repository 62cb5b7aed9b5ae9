package keeper

import (
	"time"

	"github.com/bulkhead-mesh/bulkhead/proxy/jail/cgroup"
	"github.com/bulkhead-mesh/bulkhead/proxy/telemetry"
)

// The kernel knows how much CPU time a cell takes, and nobody knows for which of its
// workloads. It is shared out by what they did meanwhile, at what that costs where it was
// measured (docs/performance.md): so the sum is true, and the parts are an estimate. A
// workload that has a cell to itself has all of it, which is no estimate.
const (
	connectionWork = 150 * time.Microsecond // accept, resolve, a stream, relay, record
	handshakeWork  = 600 * time.Microsecond // TLS on one side
	byteWork       = 1.0                    // ns, encrypted on one side
)

// work is what a workload's counts stand for.
func work(n telemetry.Counts) float64 {
	var handshakes uint64
	for _, b := range n.Handshake.Buckets {
		handshakes += b
	}
	return float64(n.Opened)*float64(connectionWork) + float64(handshakes)*float64(handshakeWork) + float64(n.Sent+n.Received)*byteWork
}

// spent is the CPU time of a cell and what its workloads have of it. The loop owns it.
type spent struct {
	cell time.Duration
	of   map[string]time.Duration // by workload
	done map[string]float64       // work, at the last look
}

// look shares out what the cell has spent since the last look. Without any work (pings,
// timers, garbage) everybody has the same.
func (s *spent) look(cpu time.Duration, counts map[string]telemetry.Counts) {
	if s.of == nil {
		s.of, s.done = map[string]time.Duration{}, map[string]float64{}
	}
	more := cpu - s.cell
	if s.cell = cpu; more < 0 {
		more = cpu // another group: the cell was away and is back
	}
	did, sum := map[string]float64{}, 0.0
	for uid, n := range counts {
		now := work(n)
		did[uid] = max(0, now-s.done[uid])
		s.done[uid] = now
		sum += did[uid]
	}
	for uid := range s.of {
		if _, ok := counts[uid]; !ok {
			delete(s.of, uid)
			delete(s.done, uid)
		}
	}
	for uid, part := range did {
		share := 1 / float64(len(did))
		if sum > 0 {
			share = part / sum
		}
		s.of[uid] += time.Duration(float64(more) * share)
	}
}

// usage is what the kernel says of a cell.
type usage struct {
	cpu    time.Duration
	memory int64
}

// usages reads the cells' groups. It is not for the loop, which must not wait for files.
func usages(groups map[string]*cgroup.Group) map[string]usage {
	out := map[string]usage{}
	for name, g := range groups {
		cpu, err := g.CPU()
		if err != nil {
			continue
		}
		memory, err := g.Memory()
		if err != nil {
			continue
		}
		out[name] = usage{cpu, memory}
	}
	return out
}

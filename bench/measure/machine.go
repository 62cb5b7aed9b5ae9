package measure

import (
	"fmt"
	"time"

	"github.com/bulkhead-mesh/bulkhead/bench/load"
)

// machine says, of a flow that nothing but lateness hit, how slow the machine itself was
// meanwhile: what the sentinels took, which nobody captures, beside their slowest before the
// fault. A recovery is such a time: whoever waited asks at once, on the CPUs that all nodes
// of a lab share.
func machine(flows []strip, s *strip, late time.Duration) string {
	from, to := lateTime(s.observed, late)
	if from == to {
		return ""
	}
	var before, meanwhile time.Duration
	for i := range flows {
		if !flows[i].flow.Sentinel {
			continue
		}
		for _, r := range flows[i].baseline {
			before = max(before, latency(r))
		}
		for _, r := range flows[i].observed {
			if r.Planned < to && r.Done > from {
				meanwhile = max(meanwhile, latency(r))
			}
		}
	}
	return fmt.Sprintf("sentinels took up to %v meanwhile, %v before the fault",
		meanwhile.Round(time.Millisecond), before.Round(time.Millisecond))
}

// lateTime is from the first plan of a late request to the last answer to one.
func lateTime(records []load.Record, late time.Duration) (from, to int64) {
	for _, r := range records {
		if r.Seq == load.Break || r.Error != "" || latency(r) <= late {
			continue
		}
		if from == to {
			from, to = r.Planned, r.Done
		}
		from, to = min(from, r.Planned), max(to, r.Done)
	}
	return from, to
}

package instrument

import (
	"time"

	"github.com/bulkhead-mesh/bulkhead/bench/load"
)

// clients of a workload of requests: connections of wrk, flows of the load.
const clients = 8

// workload is requests over a path.
type workload struct {
	name   string
	kind   string        // of connections
	period time.Duration // between two requests of a flow: what an answer takes, as a closed loop has it
	path   Path
	judged bool
}

const (
	delay = 50 * time.Millisecond
	slow  = 200 * time.Millisecond
	nth   = 20
)

// workloads of a check whose measurements take so long.
func workloads(lasts time.Duration) []workload {
	mean := (2*slow + (nth-1)*2*delay) / nth
	return []workload{
		{"long-lived connections, 100 ms there and back", load.Reused, 2 * delay, Path{Delay: delay}, true},
		{"a connection per request, 100 ms, every 20th 400 ms", load.New, mean, Path{Delay: delay, Slow: slow, Nth: nth}, true},
		{"long-lived connections, 100 ms, and a stall of 1 s", load.Reused, 2 * delay,
			Path{Delay: delay, Stall: time.Second, StallsAt: lasts / 2}, false},
	}
}

// bulk is the rate of the path that bytes are measured on: far below what a relay carries
// on two cores, so that the path is what is measured. Connections of each tool.
const (
	bulkRate        = 20 << 20
	bulkConnections = 4
)

// requests is what a tool says about requests.
type requests struct{ perSecond, median, p90, p99 float64 } // latencies in ms

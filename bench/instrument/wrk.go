package instrument

import (
	"context"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"time"

	"github.com/bulkhead-mesh/bulkhead/bench/load"
)

// script has wrk print exact numbers; its own table rounds them.
const script = `done = function(s, l, r)
  local e = s.errors.connect + s.errors.read + s.errors.write + s.errors.status + s.errors.timeout
  io.write(string.format("bulkhead %d %d %d %d %d %d\n", s.requests, s.duration, e, l:percentile(50), l:percentile(90), l:percentile(99)))
end
`

// wrk measures a workload with wrk against the page behind a path.
func wrk(ctx context.Context, w workload, address, dir string, lasts time.Duration) (requests, error) {
	file := filepath.Join(dir, "done.lua")
	if err := os.WriteFile(file, []byte(script), 0o644); err != nil {
		return requests{}, err
	}
	args := []string{"-t", "1", "-c", fmt.Sprint(clients), "-d", fmt.Sprintf("%ds", int(lasts.Seconds())), "-s", file}
	if w.kind == load.New {
		args = append(args, "-H", "Connection: close")
	}
	out, err := exec.CommandContext(ctx, "wrk", append(args, "http://"+address+"/")...).Output()
	if err != nil {
		return requests{}, fmt.Errorf("wrk: %w", err)
	}
	return parseWrk(string(out))
}

// parseWrk reads the script's line.
func parseWrk(out string) (requests, error) {
	_, line, found := strings.Cut(out, "bulkhead ")
	var n, microseconds, errors, median, p90, p99 int64
	if _, err := fmt.Sscanf(line, "%d %d %d %d %d %d", &n, &microseconds, &errors, &median, &p90, &p99); !found || err != nil {
		return requests{}, fmt.Errorf("wrk said something else: %q", out)
	}
	if n <= 0 || microseconds <= 0 || errors != 0 || median < 0 || p90 < median || p99 < p90 {
		return requests{}, fmt.Errorf("wrk: %d requests in %d µs, %d errors, median %d µs, p99 %d µs", n, microseconds, errors, median, p99)
	}
	return requests{float64(n) / (float64(microseconds) / 1e6), float64(median) / 1e3, float64(p90) / 1e3, float64(p99) / 1e3}, nil
}

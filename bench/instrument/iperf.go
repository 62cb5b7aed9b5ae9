package instrument

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"net"
	"os/exec"
	"time"
)

// iperf3 measures the bytes per second that a path brings from its far end, in MiB. Its
// server serves one test and ends.
func iperf3(ctx context.Context, path Path, lasts time.Duration) (float64, error) {
	port, err := freePort(ctx)
	if err != nil {
		return 0, err
	}
	ctx, cancel := context.WithTimeout(ctx, lasts+patience)
	defer cancel()
	server := exec.CommandContext(ctx, "iperf3", "--server", "--one-off", "--bind", "127.0.0.1", "--port", port, "--forceflush")
	said, err := server.StdoutPipe()
	if err != nil {
		return 0, err
	}
	if err := server.Start(); err != nil {
		return 0, fmt.Errorf("iperf3: %w", err)
	}
	defer func() { cancel(); _ = server.Wait() }() // it is killed by cancel if it has not ended
	if err := untilSaid(said, "listening"); err != nil {
		return 0, fmt.Errorf("iperf3 --server: %w", err)
	}
	path.To = net.JoinHostPort("127.0.0.1", port)
	var out []byte
	err = through(ctx, path, func(address string) error {
		_, near, err := net.SplitHostPort(address)
		if err != nil {
			return err
		}
		out, err = exec.CommandContext(ctx, "iperf3", "--client", "127.0.0.1", "--port", near, "--reverse", "--json",
			"--parallel", fmt.Sprint(bulkConnections), "--time", fmt.Sprint(int(lasts.Seconds()))).Output()
		return err
	})
	if err != nil {
		return 0, fmt.Errorf("iperf3: %w: %s", err, out)
	}
	return parseIperf(out)
}

// parseIperf reads what arrived, in MiB/s.
func parseIperf(out []byte) (float64, error) {
	var r struct {
		Error string `json:"error"`
		End   struct {
			Received struct {
				Seconds float64 `json:"seconds"`
				Bytes   float64 `json:"bytes"`
			} `json:"sum_received"`
		} `json:"end"`
	}
	if err := json.NewDecoder(bytes.NewReader(out)).Decode(&r); err != nil {
		return 0, fmt.Errorf("iperf3: %w", err)
	}
	if r.Error != "" || !(r.End.Received.Seconds > 0) || !(r.End.Received.Bytes > 0) {
		return 0, fmt.Errorf("iperf3: %q, %v bytes in %v s", r.Error, r.End.Received.Bytes, r.End.Received.Seconds)
	}
	return r.End.Received.Bytes / r.End.Received.Seconds / (1 << 20), nil
}

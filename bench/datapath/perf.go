package datapath

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"strconv"
	"strings"
	"time"

	"github.com/bulkhead-mesh/bulkhead/bench/datapath/stacks"
)

// often is no multiple of what else happens in a machine.
const often = "997"

// sampled has perf look at a process for a time.
func sampled(ctx context.Context, pid int, lasts time.Duration, program, file string) (func() error, error) {
	data := file + ".perf"
	record := exec.CommandContext(ctx, "perf", "record", "-q", "-e", "cpu-clock", "-F", often, "-g", "-p", strconv.Itoa(pid), "-o", data,
		"--", "sleep", strconv.FormatFloat(lasts.Seconds(), 'f', 3, 64))
	var said bytes.Buffer
	record.Stderr = &said
	if err := record.Start(); err != nil {
		return nil, err
	}
	if err := looking(ctx, record.Process.Pid); err != nil {
		return nil, errors.Join(err, record.Process.Kill(), record.Wait())
	}
	return func() error {
		defer os.Remove(data)
		if err := record.Wait(); err != nil {
			return fmt.Errorf("perf record: %w: %s", err, strings.TrimSpace(said.String()))
		}
		return written(ctx, data, program, file)
	}, nil
}

// looking returns when perf looks on: it lets its own command begin then.
func looking(ctx context.Context, pid int) error {
	children := fmt.Sprintf("/proc/%d/task/%d/children", pid, pid)
	for range 1000 {
		b, err := os.ReadFile(children)
		if err != nil {
			return fmt.Errorf("perf record: %w", err)
		}
		for _, child := range strings.Fields(string(b)) {
			if comm, err := os.ReadFile("/proc/" + child + "/comm"); err == nil && strings.TrimSpace(string(comm)) == "sleep" {
				return nil
			}
		}
		if err := pause(ctx, 10*time.Millisecond); err != nil {
			return err
		}
	}
	return errors.New("perf record: it does not begin")
}

const shownFunctions = 40

// written makes the two files of what perf has recorded.
func written(ctx context.Context, data, program, file string) error {
	out, err := exec.CommandContext(ctx, "perf", "script", "-i", data, "-F", "ip,sym,dso").Output()
	if err != nil {
		return fmt.Errorf("perf script: %w", err)
	}
	names, err := stacks.Open(program)
	if err != nil {
		return err
	}
	p, err := stacks.Read(bytes.NewReader(out), names)
	if err != nil {
		return err
	}
	return errors.Join(
		os.WriteFile(file+".txt", []byte(p.Top(shownFunctions)), 0o644),
		os.WriteFile(file+".folded", []byte(p.Folded()), 0o644))
}

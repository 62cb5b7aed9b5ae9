package instrument

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"time"
)

// Options of a check.
type Options struct {
	Bulkhead string        // executable
	Repeat   int           // how often each tool measures each workload, in turns
	For      time.Duration // how long each measures, in whole seconds
}

// Misuse is something that the caller can mend.
type Misuse struct{ Sentence string }

func (e *Misuse) Error() string { return e.Sentence }

// Misuse marks the error for commands.
func (e *Misuse) Misuse() bool { return true }

// Validate says what is wrong, a *Misuse, also when a tool is missing.
func (o Options) Validate() error {
	switch {
	case o.Repeat < 1 || o.Repeat > 100:
		return &Misuse{fmt.Sprintf("repeat %d is outside 1 to 100", o.Repeat)}
	case o.For < time.Second || o.For > time.Minute || o.For%time.Second != 0:
		return &Misuse{fmt.Sprintf("%v is not whole seconds from 1 to 60", o.For)}
	}
	for _, tool := range []string{"wrk", "iperf3"} {
		if _, err := exec.LookPath(tool); err != nil {
			return &Misuse{tool + " is not installed: apt-get install wrk iperf3 (Debian)"}
		}
	}
	return nil
}

// Check measures every workload with our tools and with theirs, in turns, so that a slow
// minute of the machine meets both. say is told what is going on.
func Check(ctx context.Context, o Options, say func(string)) (*Result, error) {
	if err := o.Validate(); err != nil {
		return nil, err
	}
	dir, err := os.MkdirTemp("", "bulkhead-instrument")
	if err != nil {
		return nil, err
	}
	defer os.RemoveAll(dir)
	r := &Result{Schema: Schema, Repeat: o.Repeat, Seconds: o.For.Seconds()}
	for _, w := range workloads(o.For) {
		if err := r.requests(ctx, w, o, dir, say); err != nil {
			return nil, fmt.Errorf("%s: %w", w.name, err)
		}
	}
	if err := r.bytes(ctx, o, say); err != nil {
		return nil, fmt.Errorf("bytes: %w", err)
	}
	return r, nil
}

// requests adds the rows of a workload.
func (r *Result) requests(ctx context.Context, w workload, o Options, dir string, say func(string)) (err error) {
	frames, err := freePort(ctx)
	if err != nil {
		return err
	}
	page, err := freePort(ctx)
	if err != nil {
		return err
	}
	server, err := startApplication(ctx, o.Bulkhead, "--listen", "127.0.0.1:"+frames, "--http", "127.0.0.1:"+page)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, server.end()) }()
	rows := []*Row{{What: "requests", Unit: "/s"}, {What: "median latency", Unit: "ms"}, {What: "p90 latency", Unit: "ms"}, {What: "p99 latency", Unit: "ms"}}
	for i := range o.Repeat {
		say(fmt.Sprintf("%s: %d of %d", w.name, i+1, o.Repeat))
		mine, theirs := w.path.to("127.0.0.1:"+frames), w.path.to("127.0.0.1:"+page)
		var a, b requests
		if err := through(ctx, mine, func(to string) (err error) { a, err = ours(ctx, w, to, o.Bulkhead, o.For); return err }); err != nil {
			return err
		}
		if err := through(ctx, theirs, func(to string) (err error) { b, err = wrk(ctx, w, to, dir, o.For); return err }); err != nil {
			return err
		}
		for j, pair := range [][2]float64{{a.perSecond, b.perSecond}, {a.median, b.median}, {a.p90, b.p90}, {a.p99, b.p99}} {
			rows[j].Ours, rows[j].Theirs = append(rows[j].Ours, pair[0]), append(rows[j].Theirs, pair[1])
		}
	}
	for _, row := range rows {
		row.Workload, row.Tool, row.Judged = w.name, "wrk", w.judged
		r.Rows = append(r.Rows, *row)
	}
	return nil
}

// to is the path with another end.
func (p Path) to(address string) Path {
	p.To = address
	return p
}

// bytes adds the row of throughput.
func (r *Result) bytes(ctx context.Context, o Options, say func(string)) error {
	row := Row{
		Workload: fmt.Sprintf("%d connections from a path of %d MiB/s", bulkConnections, bulkRate>>20),
		What:     "bytes", Unit: "MiB/s", Tool: "iperf3", Judged: true,
	}
	for i := range o.Repeat {
		say(fmt.Sprintf("%s: %d of %d", row.Workload, i+1, o.Repeat))
		a, err := ourBytes(ctx, Path{Rate: bulkRate}, o.For)
		if err != nil {
			return err
		}
		b, err := iperf3(ctx, Path{Rate: bulkRate}, o.For)
		if err != nil {
			return err
		}
		row.Ours, row.Theirs = append(row.Ours, a), append(row.Theirs, b)
	}
	r.Rows = append(r.Rows, row)
	return nil
}

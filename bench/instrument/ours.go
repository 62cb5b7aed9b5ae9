package instrument

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"net/netip"
	"os/exec"
	"strings"
	"time"

	"github.com/bulkhead-mesh/bulkhead/bench/crowd"
	"github.com/bulkhead-mesh/bulkhead/bench/load"
	"github.com/bulkhead-mesh/bulkhead/bench/measure"
)

// patience is how long something may take beyond its measurement.
const patience = 20 * time.Second

// application is a process of the lab's application.
type application struct {
	command *exec.Cmd
	in      io.WriteCloser
	lines   *bufio.Scanner
}

// startApplication starts one and waits until it listens.
func startApplication(ctx context.Context, bulkhead string, args ...string) (*application, error) {
	c := exec.CommandContext(ctx, bulkhead, append([]string{"app", "--pod", "instrument", "--marker", "instrument"}, args...)...)
	in, err := c.StdinPipe()
	if err != nil {
		return nil, err
	}
	out, err := c.StdoutPipe()
	if err != nil {
		return nil, err
	}
	if err := c.Start(); err != nil {
		return nil, fmt.Errorf("application: %w", err)
	}
	a := &application{c, in, bufio.NewScanner(out)}
	if _, err := a.until(load.EventReady); err != nil {
		return nil, errors.Join(err, a.end())
	}
	return a, nil
}

// until takes lines to an event, and returns the records before it.
func (a *application) until(event string) (all []load.Record, err error) {
	for a.lines.Scan() {
		l, err := load.ParseLine(a.lines.Bytes())
		switch {
		case err != nil:
			return nil, err
		case l.Event == event:
			return all, nil
		case l.Event != "":
			return nil, fmt.Errorf("application: %s %s%d", l.Event, l.Message, l.Lost)
		}
		all = append(all, l.Record)
	}
	return nil, errors.Join(errors.New("application: it ended"), a.lines.Err())
}

// end closes its input, which is its order to end.
func (a *application) end() error { return errors.Join(a.in.Close(), a.command.Wait()) }

// ours measures a workload with the load, in a process of its own.
func ours(ctx context.Context, w workload, address, bulkhead string, lasts time.Duration) (r requests, err error) {
	to, err := netip.ParseAddrPort(address)
	if err != nil {
		return r, err
	}
	ctx, cancel := context.WithTimeout(ctx, lasts+patience)
	defer cancel()
	a, err := startApplication(ctx, bulkhead)
	if err != nil {
		return r, err
	}
	defer func() { err = errors.Join(err, a.end()) }()
	start := &load.Start{At: load.Now() + int64(100*time.Millisecond)}
	for i := range clients {
		start.Flows = append(start.Flows, load.Flow{
			ID: i, Kind: w.kind, Target: to, Period: w.period, Offset: w.period * time.Duration(i) / clients, Timeout: 10 * time.Second,
		})
	}
	if err := a.send(load.Command{Start: start}); err != nil {
		return r, err
	}
	select {
	case <-time.After(time.Duration(start.At-load.Now()) + lasts):
	case <-ctx.Done():
		return r, ctx.Err()
	}
	if err := a.send(load.Command{Stop: true}); err != nil {
		return r, err
	}
	records, err := a.until(load.EventStopped)
	if err != nil {
		return r, err
	}
	return summed(records, start.At, lasts)
}

func (a *application) send(c load.Command) error {
	b, err := c.Encode()
	if err != nil {
		return err
	}
	_, err = a.in.Write(b)
	return err
}

// summed is what records say: as the judge has it, latency counts from the planned send.
// Per second are the answers that came within the measurement, as wrk counts them: what is
// under way at its end is not among them.
func summed(records []load.Record, from int64, lasts time.Duration) (requests, error) {
	var all []time.Duration
	answered := 0
	for _, r := range records {
		if r.Error != "" {
			return requests{}, fmt.Errorf("the load: flow %d, request %d: %s", r.Flow, r.Seq, r.Error)
		}
		if r.Done < from+int64(lasts) {
			answered++
		}
		all = append(all, time.Duration(r.Done-r.Planned))
	}
	if answered == 0 {
		return requests{}, errors.New("the load: no record")
	}
	p99 := measure.P99(all) // sorts
	ms := func(d time.Duration) float64 { return float64(d) / 1e6 }
	return requests{float64(answered) / lasts.Seconds(), ms(all[(len(all)-1)/2]), ms(all[(len(all)*90+99)/100-1]), ms(p99)}, nil
}

// ourBytes measures what a path brings with the crowd, in MiB/s.
func ourBytes(ctx context.Context, path Path, lasts time.Duration) (float64, error) {
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	var listen net.ListenConfig
	l, err := listen.Listen(ctx, "tcp", "127.0.0.1:0")
	if err != nil {
		return 0, err
	}
	sunk := make(chan error, 1)
	go func() { sunk <- crowd.Sink{}.Run(ctx, l) }()
	path.To = l.Addr().String()
	var rate float64
	err = through(ctx, path, func(address string) error {
		to, err := netip.ParseAddrPort(address)
		if err != nil {
			return err
		}
		ctx, cancel := context.WithTimeout(ctx, lasts)
		defer cancel()
		var t crowd.Tally
		begun := time.Now()
		err = crowd.Client{To: to, Connections: bulkConnections, Manner: crowd.Eager}.Run(ctx, &t)
		rate = float64(t.Bytes.Load()) / time.Since(begun).Seconds() / (1 << 20)
		return err
	})
	cancel()
	return rate, errors.Join(err, <-sunk)
}

// through has a path carry what do sends to its near end.
func through(ctx context.Context, path Path, do func(address string) error) error {
	ctx, cancel := context.WithCancel(ctx)
	var listen net.ListenConfig
	l, err := listen.Listen(ctx, "tcp", "127.0.0.1:0")
	if err != nil {
		cancel()
		return err
	}
	ended := make(chan struct{})
	go func() { defer close(ended); path.Run(ctx, l) }()
	defer func() { cancel(); <-ended }()
	return do(l.Addr().String())
}

func freePort(ctx context.Context) (string, error) {
	var listen net.ListenConfig
	l, err := listen.Listen(ctx, "tcp", "127.0.0.1:0")
	if err != nil {
		return "", err
	}
	defer l.Close()
	_, port, err := net.SplitHostPort(l.Addr().String())
	return port, err
}

// untilSaid reads to a line with a word; the rest is read by nobody and is short.
func untilSaid(out io.Reader, word string) error {
	lines := bufio.NewScanner(out)
	for lines.Scan() {
		if strings.Contains(lines.Text(), word) {
			return nil
		}
	}
	return errors.Join(errors.New("it ended"), lines.Err())
}

package datapath

import (
	"bufio"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"time"

	"github.com/bulkhead-mesh/bulkhead/bench/datapath/engine"
	"github.com/bulkhead-mesh/bulkhead/bench/lab"
)

// Command is the hidden command of bulkhead that is an end of the load.
const Command = "engine"

// end is a process of the engine in a pod.
type end struct {
	guest *lab.Guest
	in    *os.File
	out   *os.File
	lines *bufio.Scanner
}

// one thread at a time: the loop has it.
var single = []string{"GOMAXPROCS=1"}

func startEnd(l *lab.Lab, pod, name string, cpu int, args ...string) (*end, error) {
	inR, inW, err := os.Pipe()
	if err != nil {
		return nil, err
	}
	defer inR.Close()
	outR, outW, err := os.Pipe()
	if err != nil {
		return nil, errors.Join(err, inW.Close())
	}
	defer outW.Close()
	argv := append([]string{l.Bin("bulkhead"), Command}, args...)
	g, err := l.Invite(pod, name, argv, single, inR, outW)
	if err != nil {
		return nil, errors.Join(err, inW.Close(), outR.Close())
	}
	e := &end{guest: g, in: inW, out: outR, lines: bufio.NewScanner(outR)}
	if err := g.Pin(cpu); err != nil {
		return nil, errors.Join(err, e.close())
	}
	return e, nil
}

// close ends the process, if it has not ended.
func (e *end) close() error {
	e.guest.Stop()
	return errors.Join(e.in.Close(), e.out.Close())
}

func startServer(ctx context.Context, l *lab.Lab, pod string) (*end, error) {
	args := []string{"server"}
	for port := firstPort; port <= lastPort; port++ {
		args = append(args, "--listen", fmt.Sprintf("0.0.0.0:%d", port))
	}
	e, err := startEnd(l, pod, "server", serverCPU, args...)
	if err != nil {
		return nil, err
	}
	if err := e.ready(ctx); err != nil {
		return nil, errors.Join(err, e.close())
	}
	return e, nil
}

func startClient(l *lab.Lab, pod, name string, j engine.Job) (*end, error) {
	b, err := json.Marshal(j)
	if err != nil {
		return nil, err
	}
	return startEnd(l, pod, name, clientCPU, "client", "--job", string(b))
}

// patience is how long an end may take beyond what it measures.
const patience = 2 * time.Minute

// line is the next one, or why there is none.
func (e *end) line(ctx context.Context, lasts time.Duration) ([]byte, error) {
	ctx, cancel := context.WithTimeout(ctx, lasts+patience)
	defer cancel()
	// A pipe's end can be waited for only by closing it.
	defer context.AfterFunc(ctx, func() { e.out.SetReadDeadline(time.Now()) })()
	if e.lines.Scan() {
		return e.lines.Bytes(), nil
	}
	if err := ctx.Err(); err != nil {
		return nil, err
	}
	<-e.guest.Ended()
	return nil, e.guest.Failure()
}

func (e *end) ready(ctx context.Context) error {
	b, err := e.line(ctx, 0)
	if err == nil && string(b) != engine.Ready {
		err = fmt.Errorf("an end of the load says %q", b)
	}
	return err
}

func (e *end) begin() error {
	_, err := fmt.Fprintln(e.in, engine.Go)
	return err
}

func (e *end) result(ctx context.Context, lasts time.Duration) (r engine.Result, err error) {
	b, err := e.line(ctx, lasts)
	if err != nil {
		return r, err
	}
	return r, json.Unmarshal(b, &r)
}

package engine

import (
	"bufio"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net/netip"
	"runtime/debug"
)

// Lines that a process of this package writes, and waits for, so that whoever started it
// can read clocks between them.
const (
	Ready = "ready" // a server listens; a client is warm, and waits for
	Go    = "go"    // this
)

// alone prepares the process for its loop: no collection of garbage interrupts one that
// makes none.
func alone() { debug.SetGCPercent(-1) }

// Client does the job in a process of its own: it says Ready, waits for Go, as often as
// the job has stages, and in the end says its Result as JSON.
func Client(ctx context.Context, j Job, in io.Reader, out io.Writer) error {
	alone()
	lines := bufio.NewScanner(in)
	r, err := Run(ctx, j, func() error {
		if _, err := fmt.Fprintln(out, Ready); err != nil {
			return err
		}
		if !lines.Scan() || lines.Text() != Go {
			return errors.Join(errors.New("nobody said that it shall begin"), lines.Err())
		}
		return nil
	})
	if err != nil {
		return err
	}
	return json.NewEncoder(out).Encode(r)
}

// Server answers jobs in a process of its own: it says Ready when it listens, and logs what
// was wrong with a connection.
func Server(ctx context.Context, at []netip.AddrPort, out io.Writer, log *slog.Logger) error {
	alone()
	if err := allow(maxConnections); err != nil {
		log.Warn("there can be fewer connections than usual", "error", err)
	}
	return Serve(ctx, at, func() { fmt.Fprintln(out, Ready) }, func(err error) { log.Warn("a connection failed", "error", err) })
}

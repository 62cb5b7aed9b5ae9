package engine

import (
	"context"
	"errors"
	"fmt"
	"net/netip"
	"time"
)

// Modes of a job.
const (
	Up   = "up"   // every connection sends as much as it can
	RR   = "rr"   // every connection sends a request, has its answer, sends the next
	CRR  = "crr"  // connect, one request and its answer, close, and again
	Idle = "idle" // connect, one request and its answer, and stay
)

// Job is what a client does.
type Job struct {
	Mode        string           `json:"mode"`
	To          []netip.AddrPort `json:"to"` // by turns
	Connections int              `json:"connections"`
	Size        int              `json:"size,omitempty"` // of a request; not of Up
	// Rate is how many requests are planned per second over all connections; 0: each
	// connection sends its next when it has its answer. Only of RR.
	Rate float64       `json:"rate,omitempty"`
	For  time.Duration `json:"for,omitempty"` // of what is measured; not of Idle
	// Stages are how many connections Idle has at each look; the last is Connections.
	Stages []int `json:"stages,omitempty"`
}

const (
	maxConnections = 200_000
	maxSize        = 16 << 20
	maxFor         = time.Hour
	maxRate        = 1e6
)

// Validate says what is wrong with a job.
func (j Job) Validate() error {
	switch j.Mode {
	case Up, RR, CRR, Idle:
	default:
		return fmt.Errorf("mode %q: use %s, %s, %s or %s", j.Mode, Up, RR, CRR, Idle)
	}
	switch {
	case len(j.To) == 0:
		return errors.New("to: say where to connect")
	case j.Connections < 1 || j.Connections > maxConnections:
		return fmt.Errorf("connections %d: use 1 to %d", j.Connections, maxConnections)
	case j.Mode != Up && (j.Size < 2*markSize || j.Size > maxSize):
		return fmt.Errorf("size %d: use %d to %d", j.Size, 2*markSize, maxSize)
	case j.Mode != Idle && (j.For <= 0 || j.For > maxFor):
		return fmt.Errorf("for %v: use more than 0, and at most %v", j.For, maxFor)
	case !(j.Rate >= 0 && j.Rate <= maxRate) || j.Rate != 0 && j.Mode != RR: // also refuses NaN
		return fmt.Errorf("rate %v: use 0 to %v, and only with %s", j.Rate, maxRate, RR)
	}
	return j.validateStages()
}

func (j Job) validateStages() error {
	if j.Mode != Idle {
		return nil
	}
	last := 0
	for _, n := range j.Stages {
		if n <= last {
			return fmt.Errorf("stages %v: each must be more than the one before", j.Stages)
		}
		last = n
	}
	if last != j.Connections {
		return fmt.Errorf("stages %v: the last must be all %d connections", j.Stages, j.Connections)
	}
	return nil
}

// Result is what came of a job.
type Result struct {
	From     int64         `json:"from"`  // CLOCK_MONOTONIC, when begin had returned
	Took     time.Duration `json:"took"`  // until the last answer, or the last byte at the server
	Bytes    int64         `json:"bytes"` // at the server, of Up
	Requests int           `json:"requests"`
	P50      time.Duration `json:"p50"` // from the planned time, where there is a plan
	P99      time.Duration `json:"p99"`
}

// Run does a job. It needs the process for itself. begin is called when all connections
// are there and warm; of Idle it is called at each stage.
func Run(ctx context.Context, j Job, begin func() error) (Result, error) {
	if err := j.Validate(); err != nil {
		return Result{}, err
	}
	if err := allow(j.Connections); err != nil {
		return Result{}, err
	}
	if j.Mode == Up {
		return runUpload(ctx, j, begin)
	}
	return runEcho(ctx, j, begin)
}

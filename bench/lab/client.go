package lab

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"time"

	"golang.org/x/sys/unix"
)

// Client speaks to the exclusive lab of a base directory, from outside.
type Client struct{ base string }

// NewClient makes a client; it connects for each call.
func NewClient(base string) *Client { return &Client{base} }

// errNoLab is the answer where no lab runs.
var errNoLab = &Misuse{"no lab is running: start one with: bulkhead lab up"}

func (c *Client) dial() (*net.UnixConn, error) {
	conn, err := net.DialUnix("unix", nil, &net.UnixAddr{Name: filepath.Join(c.base, socketFile), Net: "unix"})
	if errors.Is(err, os.ErrNotExist) || errors.Is(err, unix.ECONNREFUSED) {
		return nil, errNoLab
	}
	return conn, at("socket", "", err)
}

// ask sends a request and returns the connection for the rest.
func (c *Client) ask(r request, files ...*os.File) (*net.UnixConn, error) {
	conn, err := c.dial()
	if err != nil {
		return nil, err
	}
	if err := errors.Join(greet(conn, files...), send(conn, r)); err != nil {
		return nil, errors.Join(at("socket", "", err), conn.Close())
	}
	return conn, nil
}

// hear waits for the reply.
func hear(conn *net.UnixConn) (reply, error) {
	var r reply
	err := newLines(conn).next(&r)
	switch {
	case errors.Is(err, io.EOF):
		return r, at("socket", "", errors.New("the lab ended"))
	case err != nil:
		return r, at("socket", "", err)
	case r.Misuse:
		return r, &Misuse{r.Error}
	case r.Error != "":
		return r, errors.New(r.Error)
	}
	return r, nil
}

// Exec runs a program of this machine in a pod of the lab, with the caller's
// environment, directory and stdio. When ctx ends the program gets SIGINT. The error
// is an *ExitError when the program's exit code is not 0.
func (c *Client) Exec(ctx context.Context, pod string, argv []string, stdio [3]*os.File) error {
	dir, err := os.Getwd()
	if err != nil {
		dir = "/"
	}
	run := &command{Pod: pod, Argv: argv, Env: os.Environ(), Dir: dir}
	if len(argv) > 0 {
		// This PATH counts and not the lab's. What is not found the lab reports, after
		// it has looked at the pod.
		run.Path, _ = exec.LookPath(argv[0])
	}
	conn, err := c.ask(request{Exec: run}, stdio[:]...)
	if err != nil {
		return err
	}
	defer conn.Close()
	stop := context.AfterFunc(ctx, func() { _ = send(conn, request{Signal: int(unix.SIGINT)}) })
	defer stop()
	r, err := hear(conn)
	if err == nil && r.Exit != 0 {
		return &ExitError{Code: r.Exit}
	}
	return err
}

// Status is what the lab is now.
func (c *Client) Status() (Status, error) {
	conn, err := c.ask(request{Status: true})
	if err != nil {
		return Status{}, err
	}
	defer conn.Close()
	r, err := hear(conn)
	if err != nil {
		return Status{}, err
	}
	if r.Status == nil {
		return Status{}, at("socket", "", errors.New("no status in the answer"))
	}
	return *r.Status, nil
}

// Trust is what the processes of the lab's data plane expose, as a record of package
// trust, seen from one workload. Progress is written to the file.
func (c *Client) Trust(ctx context.Context, workload string, progress *os.File) ([]byte, error) {
	conn, err := c.ask(request{Trust: workload}, progress)
	if err != nil {
		return nil, err
	}
	defer conn.Close()
	stop := context.AfterFunc(ctx, func() { conn.CloseWrite() }) // the lab stops looking
	defer stop()
	r, err := hear(conn)
	return r.Trust, err
}

// Move has the lab move a workload to another isolation, and returns what its keeper
// says of it, as JSON. When ctx ends nobody waits any more, and the move goes on.
func (c *Client) Move(ctx context.Context, pod, to string) ([]byte, error) {
	conn, err := c.ask(request{Move: &move{Pod: pod, To: to}})
	if err != nil {
		return nil, err
	}
	defer conn.Close()
	stop := context.AfterFunc(ctx, func() { conn.Close() })
	defer stop()
	r, err := hear(conn)
	if err != nil && ctx.Err() != nil {
		err = fmt.Errorf("not waited for: the move of %s goes on: %w", pod, context.Cause(ctx))
	}
	return r.Moved, err
}

// How long each way to end a lab is tried.
const (
	downTimeout = 30 * time.Second
	killTimeout = 10 * time.Second
)

// Down ends the lab if one runs, and removes what killed ones left. It reports
// whether one ran.
func (c *Client) Down(ctx context.Context) (ran bool, err error) {
	held, err := c.held()
	if err != nil || !held {
		_, leftErr := RemoveLeftovers(c.base)
		return false, errors.Join(err, leftErr)
	}
	if err := c.end(ctx); err != nil {
		return true, err
	}
	_, err = RemoveLeftovers(c.base)
	return true, err
}

// end asks, then insists.
func (c *Client) end(ctx context.Context) error {
	conn, err := c.ask(request{Down: true})
	if err == nil {
		_, err = hear(conn)
		conn.Close()
	}
	if err != nil { // it has not come to its socket yet, or never will
		c.signal(unix.SIGINT)
	}
	if err := c.awaitEnd(ctx, downTimeout); err == nil || ctx.Err() != nil {
		return err
	}
	c.signal(unix.SIGKILL)
	return c.awaitEnd(ctx, killTimeout)
}

// awaitEnd waits until the outer process of the lab has ended: it removes things too.
func (c *Client) awaitEnd(ctx context.Context, limit time.Duration) error {
	ctx, cancel := context.WithTimeout(ctx, limit)
	defer cancel()
	tick := time.NewTicker(pollInterval)
	defer tick.Stop()
	for {
		if held, err := c.held(); err != nil || !held {
			return err
		}
		select {
		case <-ctx.Done():
			return at("down", "", fmt.Errorf("the lab does not end: %w", ctx.Err()))
		case <-tick.C:
		}
	}
}

// held reports whether a lab holds the lock.
func (c *Client) held() (bool, error) {
	f, err := lock(c.base)
	var misuse *Misuse
	if errors.As(err, &misuse) {
		return true, nil
	}
	if err != nil {
		return false, err
	}
	return false, f.Close()
}

// signal sends a signal to the process that holds the lock and wrote its pid there.
func (c *Client) signal(s unix.Signal) {
	b, err := os.ReadFile(filepath.Join(c.base, lockFile))
	if err != nil {
		return
	}
	if pid, err := strconv.Atoi(strings.TrimSpace(string(b))); err == nil && pid > 1 {
		_ = unix.Kill(pid, s) // it may have ended
	}
}

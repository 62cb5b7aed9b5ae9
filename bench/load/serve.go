package load

import (
	"bufio"
	"context"
	"fmt"
	"io"
	"sync"
	"time"
)

// Config says who this application is and where it listens.
type Config struct {
	Pod    string   // its name, for the page
	Listen []string // addresses of the frame server, such as ":9000" (both families)
	HTTP   string   // address of the page, such as ":8080"; empty: none
	Marker string   // carried by every request of this pod, at most 64 bytes
}

const (
	maxCommand = 1 << 20         // bytes of one command line
	lastWrite  = 2 * time.Second // for the records that are left at the end
)

// Serve runs the application until ctx is done or in ends: the servers, and the
// clients that commands on in start. It writes records and events to out and
// returns an error when it could not listen or out could not be written.
//
// Everything that it started has ended when it returns, but for the goroutine
// that reads in: a blocked read of a pipe cannot be called off, and ends with it.
func Serve(ctx context.Context, c Config, in io.Reader, out io.Writer) error {
	if len(c.Marker) > maxMarker {
		return fmt.Errorf("application: marker of %d bytes, at most %d", len(c.Marker), maxMarker)
	}
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	var servers sync.WaitGroup
	defer servers.Wait() // after cancel: deferred calls run last in, first out
	defer cancel()
	if err := serveAll(ctx, c, &servers); err != nil {
		return err
	}
	rec := newRecorder(out)
	rec.event(Line{Event: EventReady}, ctx.Done())
	run := &clients{rec: rec, marker: c.Marker}
	obey(ctx, run, readCommands(ctx, in))
	run.finish()
	return rec.end(lastWrite)
}

// serveAll starts the frame server and the page, or neither.
func serveAll(ctx context.Context, c Config, servers *sync.WaitGroup) error {
	s, err := newServer(ctx, c.Listen)
	if err != nil {
		return err
	}
	if c.HTTP != "" {
		p, err := newPage(ctx, c.Pod, c.HTTP)
		if err != nil {
			s.close()
			return err
		}
		servers.Go(func() { p.serve(ctx) })
	}
	servers.Go(func() { s.serve(ctx) })
	return nil
}

// obey carries out commands until they end or ctx is done.
func obey(ctx context.Context, run *clients, commands <-chan command) {
	for {
		select {
		case <-ctx.Done():
			return
		case c, ok := <-commands:
			if !ok {
				return
			}
			if err := c.carryOut(ctx, run); err != nil {
				run.rec.event(Line{Event: EventError, Message: err.Error()}, ctx.Done())
			}
		}
	}
}

// command is a parsed line, or why it could not be parsed.
type command struct {
	Command
	err error
}

func (c command) carryOut(ctx context.Context, run *clients) error {
	switch {
	case c.err != nil:
		return c.err
	case c.Stop:
		run.finish()
		run.rec.event(Line{Event: EventStopped}, ctx.Done())
		return nil
	case c.Clock:
		run.rec.event(Line{Event: EventClock, At: Now()}, ctx.Done())
		return nil
	}
	return run.start(ctx, c.Start)
}

// readCommands parses lines until in ends or ctx is done.
func readCommands(ctx context.Context, in io.Reader) <-chan command {
	commands := make(chan command)
	go sendCommands(ctx, in, commands)
	return commands
}

func sendCommands(ctx context.Context, in io.Reader, commands chan<- command) {
	defer close(commands)
	lines := bufio.NewScanner(in)
	lines.Buffer(nil, maxCommand)
	for lines.Scan() {
		c, err := ParseCommand(lines.Bytes())
		select {
		case commands <- command{c, err}:
		case <-ctx.Done():
			return
		}
	}
	if lines.Err() == nil {
		return
	}
	select {
	case commands <- command{err: fmt.Errorf("commands: %w", lines.Err())}:
	case <-ctx.Done():
	}
}

package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"io"
	"os"
	"os/signal"
	"syscall"
	"time"

	"github.com/bulkhead-mesh/bulkhead/redirect"
	"github.com/bulkhead-mesh/bulkhead/redirect/netns"
	"github.com/bulkhead-mesh/bulkhead/redirect/rules"
)

// A usageError is the caller's mistake rather than a failure.
type usageError struct{ error }

func (e usageError) Unwrap() error { return e.error }

const captureUsage = `usage: bulkhead-node capture install --netns PATH --placement node|sidecar
       bulkhead-node capture verify  --netns PATH --placement node|sidecar
       bulkhead-node capture remove  --netns PATH [--timeout 10s]

install   redirect the pod's connections to the listeners of a placement; a change of placement is one step
verify    compare what the kernel has with what install puts there
remove    stop capturing; wait until captured connections have ended, at most --timeout, cut the rest, leave nothing

PATH is a network namespace, for example /proc/1234/ns/net. CAP_NET_ADMIN and CAP_SYS_ADMIN are needed.`

// A captureCommand is one command line of `bulkhead-node capture`.
type captureCommand struct {
	verb    string
	netns   string
	plan    rules.Plan
	timeout time.Duration
}

// runCapture is `bulkhead-node capture …`, for pods whose proxy is a sidecar.
func runCapture(args []string) error {
	c, err := parseCapture(args)
	if errors.Is(err, flag.ErrHelp) {
		fmt.Println(captureUsage)
		return nil
	}
	if err != nil {
		return usageError{fmt.Errorf("capture: %w", err)}
	}
	n, err := netns.Open(c.netns)
	if err != nil {
		return usageError{fmt.Errorf("capture: --netns: %w", err)}
	}
	defer n.Close()
	return c.run(n)
}

func (c captureCommand) run(n *netns.Namespace) error {
	switch c.verb {
	case "install":
		return rules.Install(n, c.plan)
	case "verify":
		return rules.Verify(n, c.plan)
	}
	// An interrupt ends the wait, not the removal.
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	ctx, cancel := context.WithTimeout(ctx, c.timeout)
	defer cancel()
	return rules.Remove(ctx, n)
}

func parseCapture(args []string) (captureCommand, error) {
	if len(args) == 0 {
		return captureCommand{}, errors.New("say install, verify or remove (--help explains)")
	}
	c := captureCommand{verb: args[0]}
	flags := flag.NewFlagSet("capture "+c.verb, flag.ContinueOnError)
	flags.SetOutput(io.Discard) // main prints the error, once
	flags.StringVar(&c.netns, "netns", "", "")
	placement := flags.String("placement", "", "")
	switch c.verb {
	case "install", "verify":
	case "remove":
		flags.DurationVar(&c.timeout, "timeout", 10*time.Second, "")
	case "-h", "-help", "--help", "help":
		return c, flag.ErrHelp
	default:
		return c, fmt.Errorf("unknown command %q: say install, verify or remove", c.verb)
	}
	if err := flags.Parse(args[1:]); err != nil {
		return c, err
	}
	return c, c.check(flags, *placement)
}

var placements = map[string]rules.Plan{
	"node":    {Ports: redirect.NodePorts},
	"sidecar": {Ports: redirect.SidecarPorts},
}

// check takes --placement for remove as well, so that one command line can be
// edited into the other; it makes no difference there.
func (c *captureCommand) check(flags *flag.FlagSet, placement string) error {
	plan, known := placements[placement]
	switch {
	case flags.NArg() > 0:
		return fmt.Errorf("unexpected argument %q", flags.Arg(0))
	case c.netns == "":
		return errors.New("--netns PATH is required")
	case placement != "" && !known:
		return fmt.Errorf("--placement is %q: say node or sidecar", placement)
	case c.verb != "remove" && placement == "":
		return errors.New("--placement node or sidecar is required")
	case c.timeout < 0:
		return fmt.Errorf("--timeout is %v: it cannot be negative", c.timeout)
	}
	c.plan = plan
	return nil
}

package anchor

import (
	"context"
	"errors"
	"os"

	"golang.org/x/sys/unix"
)

// ExitMisuse is the exit status of a keeper that must not be started again, because
// its configuration is wrong. (Not 2: a Go program that panics exits with 2.)
const ExitMisuse = 78

// ErrGone says that the anchor has ended; so must the keeper.
var ErrGone = errors.New("anchor: the anchor is gone")

// RefusedError says that the anchor did not do what it was asked.
type RefusedError struct{ Verb, Name, Reason string }

func (e *RefusedError) Error() string { return "anchor: " + e.Verb + " " + e.Name + ": " + e.Reason }

// KeeperError ends Run: the keeper exited with ExitMisuse.
type KeeperError struct{ Status unix.WaitStatus }

func (e *KeeperError) Error() string { return "anchor: keeper: exit status" }

var errStub = errors.New("anchor: being written")

// Run is the anchor's whole life.
func Run(ctx context.Context, o Options) error { return errStub }

// Client is the keeper's end.
type Client struct{ events chan Event }

// Adopt finds the anchor's socket (fd 3) and reads the inventory.
func Adopt() (*Client, *Inventory, error) { return nil, nil, errStub }

// Hold has the anchor hold a copy of f.
func (c *Client) Hold(name string, label []byte, f *os.File) error { return errStub }

// Drop has the anchor close what it holds.
func (c *Client) Drop(name string) error { return errStub }

// Start has the anchor start a process.
func (c *Client) Start(s Spec) (pid int, err error) { return 0, errStub }

// Signal sends a signal to a process and what it has forked.
func (c *Client) Signal(name string, sig unix.Signal) error { return errStub }

// Quit asks the anchor to end, as SIGTERM does.
func (c *Client) Quit() error { return errStub }

// Events are the ends of processes; closed when the anchor is gone.
func (c *Client) Events() <-chan Event { return c.events }

// Close closes the keeper's socket.
func (c *Client) Close() error { return errStub }

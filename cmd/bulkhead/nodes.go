package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"github.com/spf13/cobra"
	"golang.org/x/sys/unix"

	"github.com/bulkhead-mesh/bulkhead/bench/lab"
	"github.com/bulkhead-mesh/bulkhead/proxy/admin"
)

// nodes are the keepers that a command asks: those of --admin, or those of the running lab.
type nodes struct {
	at       []string
	asJSON   bool
	sidecars bool // of the running lab are asked as well
	stderr   func() io.Writer
}

// sidecarSocket is the name of a sidecar's admin socket in its pod's directory of a lab.
const sidecarSocket = "admin.sock"

const adminUsage = "admin socket of a node's keeper, or a directory with such sockets; repeat it for several nodes (default: the nodes of the running lab)"

func (n *nodes) flags(c *cobra.Command) {
	c.Flags().StringArrayVar(&n.at, "admin", nil, adminUsage)
	c.Flags().BoolVar(&n.asJSON, "json", false, "print JSON")
	n.stderr = c.ErrOrStderr
}

// sockets are the paths to ask, at least one.
func (n *nodes) sockets() ([]string, error) {
	if len(n.at) == 0 {
		return n.labSockets()
	}
	var all []string
	for _, path := range n.at {
		fi, err := os.Stat(path)
		switch {
		case err != nil:
			return nil, usageError{fmt.Errorf("--admin: %w", err)}
		case fi.Mode()&os.ModeSocket != 0:
			all = append(all, path)
		case fi.IsDir():
			found, err := filepath.Glob(filepath.Join(path, "*.sock"))
			if err != nil || len(found) == 0 {
				return nil, usageError{fmt.Errorf("--admin: %s has no *.sock in it", path)}
			}
			all = append(all, found...)
		default:
			return nil, usageError{fmt.Errorf("--admin: %s is neither a socket nor a directory", path)}
		}
	}
	slices.Sort(all)
	return slices.Compact(all), nil
}

// labSockets are those of the running lab, which are in a directory of its own. A drill has
// one, too, and its nodes have the same names: with two labs nobody knows which is meant.
func (n *nodes) labSockets() ([]string, error) {
	dir, err := base()
	if err != nil {
		return nil, err
	}
	labs, err := lab.Running(dir)
	if err != nil {
		return nil, err
	}
	return n.socketsOf(labs)
}

func (n *nodes) socketsOf(labs []string) (found []string, err error) {
	var those []string
	for _, dir := range labs {
		all, _ := filepath.Glob(filepath.Join(dir, "admin-*.sock"))
		if n.sidecars {
			own, _ := filepath.Glob(filepath.Join(dir, "pod-*", sidecarSocket))
			all = append(all, own...)
		}
		if len(all) > 0 {
			found, those = append(found, all...), append(those, dir)
		}
	}
	switch {
	case len(labs) > 0 && len(those) == 0:
		return nil, usageError{errors.New("no node of the running lab has a proxy that could be asked: bulkhead lab status says what serves its pods; bulkhead who, connections, log and triage ask sidecars, too")}
	case len(those) == 0:
		return nil, usageError{errors.New("no lab runs here: start one with bulkhead lab up, or name a keeper's admin socket with --admin")}
	case len(those) > 1:
		return nil, usageError{fmt.Errorf("%d labs run here, those of drills among them: name one with --admin, such as --admin %s", len(those), strings.Join(those, " or --admin "))}
	}
	return found, nil
}

// present asks who the keepers are, and not whom their cells talk with. What takes long
// begins with it: a keeper that hangs is said to do so after askTimeout, whatever else is slow.
func present(ctx context.Context, n *nodes) ([]admin.Node, error) {
	return collect[admin.Node](ctx, n, "/who?peers=no")
}

// ask calls every keeper, and is done with the first that fails: half an answer to "who
// shares what" would be taken for the whole. A sidecar of the lab that has ended is said to be
// away and left out: it shares with nobody, and the others matter then more than ever.
func (n *nodes) ask(ctx context.Context, each func(ctx context.Context, socket string, a *admin.Client) error) error {
	sockets, err := n.sockets()
	if err != nil {
		return err
	}
	return n.askAt(ctx, sockets, each)
}

func (n *nodes) askAt(ctx context.Context, sockets []string, each func(ctx context.Context, socket string, a *admin.Client) error) error {
	away := 0
	for _, s := range sockets {
		switch err := each(ctx, s, admin.New(s)); {
		case err == nil:
		case nobodyAt(err) && n.sidecars && len(n.at) == 0 && filepath.Base(s) == sidecarSocket:
			away++
			fmt.Fprintf(n.stderr(), "no sidecar answers at %s: it has ended, or starts\n", s)
		default:
			return ofKeeper(s, err)
		}
	}
	if away == len(sockets) {
		return errors.New("no proxy of the running lab answers: all of them have ended, or start")
	}
	return nil
}

// nobodyAt says that nobody listens at a socket, or that there is none any more.
func nobodyAt(err error) bool {
	return errors.Is(err, os.ErrNotExist) || errors.Is(err, unix.ECONNREFUSED)
}

// askTimeout is for questions that a keeper answers from memory, or by asking its cells.
const askTimeout = 10 * time.Second

// collect gets one thing of every keeper, each of which has askTimeout.
func collect[T any](ctx context.Context, n *nodes, path string) (all []T, err error) {
	err = n.ask(ctx, func(ctx context.Context, _ string, a *admin.Client) error {
		ctx, cancel := context.WithTimeout(ctx, askTimeout)
		defer cancel()
		var one T
		if err := a.Call(ctx, "GET", path, nil, &one); err != nil {
			return err
		}
		all = append(all, one)
		return nil
	})
	return all, err
}

func printJSON(w io.Writer, v any) error {
	e := json.NewEncoder(w)
	e.SetIndent("", "  ")
	return e.Encode(v)
}

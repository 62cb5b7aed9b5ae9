package sandbox

import (
	"errors"
	"fmt"
	"os"
	"runtime"
	"slices"
	"strings"
	"time"

	"go.uber.org/goleak"

	"github.com/bulkhead-mesh/bulkhead/redirect/netns"
)

// findLeaks returns an error for goroutines and descriptors that outlive the
// tests. Both may be on their way out, so it looks more than once. Pipes that
// tests forget are not found: they look like those of package net.
func findLeaks(before map[string]bool) error {
	if err := goleak.Find(); err != nil {
		return err
	}
	var left []string
	for deadline := time.Now().Add(5 * time.Second); time.Now().Before(deadline); time.Sleep(20 * time.Millisecond) {
		left = newDescriptors(before)
		if len(left) == 0 {
			return nil
		}
		// Package net keeps the pipes of its splices in a sync.Pool: two
		// collections empty it, and a finalizer closes them. Only when nothing
		// else is left: a collection would close forgotten files as well, and
		// hide the leak.
		if onlyPipes(left) {
			runtime.GC()
		}
	}
	return errors.New("descriptors left open by the tests: " + strings.Join(left, ", "))
}

// openDescriptors lists what is open, as "number target". Things that Go opens
// once and keeps are opened first: the poller, and the own network namespace.
func openDescriptors() map[string]bool {
	if r, w, err := os.Pipe(); err == nil {
		r.Close()
		w.Close()
	}
	netns.Own()
	open := map[string]bool{}
	entries, err := os.ReadDir("/proc/self/fd")
	if err != nil {
		return open
	}
	for _, e := range entries {
		target, err := os.Readlink("/proc/self/fd/" + e.Name())
		if err == nil { // the descriptor of the directory itself is closed by now
			open[fmt.Sprintf("%s %s", e.Name(), target)] = true
		}
	}
	return open
}

func newDescriptors(before map[string]bool) []string {
	var left []string
	for name := range openDescriptors() {
		if !before[name] {
			left = append(left, name)
		}
	}
	slices.Sort(left)
	return left
}

func onlyPipes(descriptors []string) bool {
	return !slices.ContainsFunc(descriptors, func(d string) bool { return !strings.Contains(d, " pipe:") })
}

package attack

import (
	"fmt"
	"os"

	"golang.org/x/sys/unix"

	"github.com/bulkhead-mesh/bulkhead/bench/trust"
)

// namespaces enters those that it was given, those of others, and other kinds.
func (t *thief) namespaces() {
	for _, p := range t.places {
		if p.pod != trust.Self {
			t.try("enter a network namespace", p.pod, func() error { return p.ns.Do(func() error { return nil }) })
		}
	}
	for _, w := range t.others() {
		t.try("enter a network namespace", w.Name, func() error { return enter(w.Netns, unix.CLONE_NEWNET) })
	}
	for _, p := range t.Processes {
		t.try("enter a process's namespaces", p.Name, func() error {
			return enter(fmt.Sprintf("/proc/%d/ns/net", p.PID), unix.CLONE_NEWNET)
		})
	}
	for _, kind := range []struct {
		name string
		flag int
	}{{"mnt", unix.CLONE_NEWNS}, {"pid", unix.CLONE_NEWPID}, {"user", unix.CLONE_NEWUSER}} {
		t.try("enter namespaces of the node", "node", func() error { return enter("/proc/1/ns/"+kind.name, kind.flag) })
	}
}

// enter tries it on a thread that ends with the attempt.
func enter(path string, kind int) error {
	f, err := os.Open(path)
	if err != nil {
		return err
	}
	defer f.Close()
	return onThread(func() error { return unix.Setns(int(f.Fd()), kind) }) // lost to wherever it went
}

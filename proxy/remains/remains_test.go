package remains

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/bulkhead-mesh/bulkhead/redirect"
	"github.com/bulkhead-mesh/bulkhead/redirect/netns"
	"github.com/bulkhead-mesh/bulkhead/redirect/netns/sandbox"
	"github.com/bulkhead-mesh/bulkhead/redirect/rules"
)

// fakeProc has processes with these executables, by pid; one without is a kernel thread.
func fakeProc(t *testing.T, exes map[string]string) string {
	t.Helper()
	dir := t.TempDir()
	for pid, exe := range exes {
		if err := os.MkdirAll(filepath.Join(dir, pid), 0o755); err != nil {
			t.Fatal(err)
		}
		if exe == "" {
			continue
		}
		if err := os.Symlink(exe, filepath.Join(dir, pid, "exe")); err != nil {
			t.Fatal(err)
		}
	}
	return dir
}

func TestProcesses(t *testing.T) {
	proc := fakeProc(t, map[string]string{
		"1": "/sbin/init", "2": "", "30": "/opt/bulkhead-node", "31": "/opt/bulkhead-cell (deleted)",
		"32": "/opt/bulkhead-sidecar", "33": "/opt/bulkhead-node-exporter", "self": "/opt/bulkhead-node",
	})
	socket := filepath.Join(t.TempDir(), "admin.sock")
	s := Search{Proc: proc, Mounts: t.TempDir(), Sockets: []string{socket}}
	found, looked, err := s.Look()
	if err != nil {
		t.Fatal(err)
	}
	if got := fmt.Sprint(found); got != "[{process pid 30 /opt/bulkhead-node runs} {process pid 31 /opt/bulkhead-cell runs}]" || looked.Processes != 5 {
		t.Errorf("%s of %+v", got, looked)
	}
	if err := os.WriteFile(socket, nil, 0o600); err != nil {
		t.Fatal(err)
	}
	if found, _, err := s.Look(); err != nil || len(found) != 3 || found[2].Kind != Socket || found[2].Where != socket {
		t.Errorf("%v, %v", found, err)
	}
}

// What cannot be looked at is an error, and not clean.
func TestWhatCannotBeLookedAt(t *testing.T) {
	for name, s := range map[string]Search{
		"no /proc":            {Proc: filepath.Join(t.TempDir(), "none")},
		"no such namespace":   {Proc: t.TempDir(), Netns: []string{filepath.Join(t.TempDir(), "none")}},
		"a file is no netns":  {Proc: t.TempDir(), Netns: []string{"/dev/null"}},
		"a cgroup's bad name": {Proc: t.TempDir(), Cgroup: "../other"},
	} {
		if found, _, err := s.Look(); err == nil {
			t.Errorf("%s: %v", name, found)
		}
	}
}

// Rules and listeners are found where they are, in the words of the kernel, and once however
// many paths lead there.
func TestNamespaces(t *testing.T) {
	p := sandbox.NewPair(t)
	path := func(n *netns.Namespace) string { return fmt.Sprintf("/proc/%d/fd/%d", os.Getpid(), n.File().Fd()) }
	s := Search{Proc: t.TempDir(), Mounts: t.TempDir(), Netns: []string{path(p.A), path(p.A), path(p.B)}}
	clean := func(when string) {
		t.Helper()
		found, looked, err := s.Look()
		if err != nil || len(found) > 0 || looked.Namespaces != 2 {
			t.Fatalf("%s: %v, %+v, %v", when, found, looked, err)
		}
	}
	clean("before")
	if err := rules.Install(p.A, rules.Plan{Ports: redirect.NodePorts}); err != nil {
		t.Fatal(err)
	}
	l, err := p.B.Listen(netns.ListenOptions{Port: redirect.NodePorts.HBONE})
	if err != nil {
		t.Fatal(err)
	}
	found, _, err := s.Look()
	if err != nil {
		t.Fatal(err)
	}
	text := fmt.Sprint(found)
	for _, want := range []string{"table inet bulkhead:", "table inet bulkhead-keep:", "table inet bulkhead-guard:", "IPv4 rules:", "IPv4 routes of table 100:", "listens on port 15008"} {
		if strings.Count(text, want) != 1 {
			t.Errorf("%q is %d times in %s", want, strings.Count(text, want), text)
		}
	}
	for _, f := range found {
		if in := p.A; f.Kind == Rules != strings.Contains(f.Where, in.Inode()) {
			t.Errorf("%+v", f)
		}
	}
	if err := rules.Release(p.A); err != nil { // what keeps captured connections is remains, too
		t.Fatal(err)
	}
	if found, _, err := s.Look(); err != nil || !strings.Contains(fmt.Sprint(found), "bulkhead-keep") {
		t.Errorf("%v, %v", found, err)
	}
	if err := rules.Remove(t.Context(), p.A); err != nil {
		t.Fatal(err)
	}
	l.Close()
	clean("afterwards")
}

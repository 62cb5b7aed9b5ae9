package discovery_test

import (
	"bytes"
	"context"
	"fmt"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/bulkhead-mesh/bulkhead/proxy/control"
	"github.com/bulkhead-mesh/bulkhead/proxy/discovery"
	"github.com/bulkhead-mesh/bulkhead/proxy/mesh"
)

// replicaEnv has this executable be a control: "socket mesh".
const replicaEnv = "BULKHEAD_TEST_REPLICA"

// serveAsReplica is a process of its own, which can be killed and stopped.
func serveAsReplica(files string) {
	socket, meshFile, _ := strings.Cut(files, " ")
	c, err := control.New(control.Config{TrustDomain: "td", Socket: socket, Mesh: meshFile, Tokens: tokens}, nil)
	if err == nil {
		err = c.Run(context.Background())
	}
	fmt.Fprintln(os.Stderr, err)
	os.Exit(1)
}

// replica is a control in another process.
type replica struct {
	t       *testing.T
	address string
	socket  string
	mesh    string
	process *exec.Cmd
	end     func()
}

func (r *replica) start() {
	r.t.Helper()
	var said bytes.Buffer
	cmd := exec.Command(os.Args[0])
	cmd.Env = append(os.Environ(), replicaEnv+"="+r.socket+" "+r.mesh)
	cmd.Stderr = &said
	cmd.SysProcAttr = &syscall.SysProcAttr{Pdeathsig: syscall.SIGKILL}
	if err := cmd.Start(); err != nil {
		r.t.Fatal(err)
	}
	r.process = cmd
	r.end = sync.OnceFunc(func() { _ = cmd.Process.Kill(); _ = cmd.Wait() })
	r.t.Cleanup(r.end)
	for end := time.Now().Add(hang); ; time.Sleep(time.Millisecond) {
		c, err := net.Dial("unix", r.socket)
		if err == nil {
			c.Close()
			return
		}
		if time.Now().After(end) {
			r.t.Fatalf("%v; it said %s", err, &said)
		}
	}
}

// halt stops the process, and returns when all of its threads stand still.
func (r *replica) halt() {
	r.t.Helper()
	if err := r.process.Process.Signal(syscall.SIGSTOP); err != nil {
		r.t.Fatal(err)
	}
	for end := time.Now().Add(hang); ; time.Sleep(time.Millisecond) {
		err := r.stopped()
		if err == nil {
			return
		}
		if time.Now().After(end) {
			r.t.Fatal(err)
		}
	}
}

func (r *replica) stopped() error {
	stats, err := filepath.Glob(fmt.Sprintf("/proc/%d/task/*/stat", r.process.Process.Pid))
	for _, path := range stats {
		b, err := os.ReadFile(path)
		if err != nil {
			continue // a thread that ended
		}
		if _, rest, _ := strings.Cut(string(b), ") "); !strings.HasPrefix(rest, "T") {
			return fmt.Errorf("%s: %.1s", path, rest)
		}
	}
	return err
}

// hears waits until the feed hears one of them, and returns it.
func (s *seen) hears(of ...*replica) *replica {
	s.t.Helper()
	for end := time.Now().Add(hang); ; time.Sleep(time.Millisecond) {
		x := s.feed.Standing()
		for _, r := range of {
			if x.Server == r.address && x.Error == "" {
				return r
			}
		}
		if time.Now().After(end) {
			s.t.Fatalf("none of them is heard: %+v", x)
		}
	}
}

// Of two replicas one is killed, and then the other one stopped: each time the proxy goes on to the one
// that is left, knows what it knew, and hears what is pushed. A stopped one would take connections all
// the same: its kernel does.
func TestFailOver(t *testing.T) {
	w := newWorld(t, nil)
	w.write("mesh.yaml", twoTenants)
	var both [2]*replica
	for i := range both {
		socket := filepath.Join(w.dir, fmt.Sprintf("r%d", i))
		both[i] = &replica{t: t, address: "unix://" + socket, socket: socket, mesh: w.config.Mesh}
		both[i].start()
	}
	s := w.feedOf(discovery.Config{Addresses: []string{both[0].address, both[1].address}, Token: filepath.Join(w.dir, "n1")}, "n1", "n1")
	s.next()
	push := func(address string) {
		t.Helper()
		w.write("mesh.yaml", strings.Replace(twoTenants, "10.0.0.3", address, 1))
		for s.kind("a/web", address+":80") != mesh.Mesh {
			s.next() // one of the push before it, perhaps, of a replica that has not read the newest yet
		}
		if k := s.kind("a/web", "10.96.0.2:80"); k != mesh.Mesh {
			t.Errorf("what was known is %v", k)
		}
	}
	other := map[*replica]*replica{both[0]: both[1], both[1]: both[0]}
	push("10.0.0.4")
	killed := s.hears(both[:]...) // whichever it is: a loaded machine may have had it change already
	killed.end()
	push("10.0.0.5")
	s.hears(other[killed])
	killed.start()
	halted := s.hears(both[:]...)
	halted.halt()
	push("10.0.0.6")
	s.hears(other[halted])
}

// A proxy that starts while one of two stands still has its mesh from the other.
func TestStartBesideAReplicaThatStandsStill(t *testing.T) {
	w := newWorld(t, nil)
	w.write("mesh.yaml", twoTenants)
	still := &replica{t: t, socket: filepath.Join(w.dir, "still"), mesh: w.config.Mesh}
	still.address = "unix://" + still.socket
	still.start()
	still.halt()
	w.start()
	c := discovery.Config{Addresses: []string{"unix://" + w.config.Socket, still.address}, Token: filepath.Join(w.dir, "n1")}
	var all []*seen
	for i := range 8 { // half of them begin at the other
		name := fmt.Sprintf("n%d", i)
		all = append(all, w.feedOf(c, name, name))
	}
	for _, s := range all {
		s.next()
		s.hears(&replica{address: "unix://" + w.config.Socket})
	}
}

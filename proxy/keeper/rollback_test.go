package keeper

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"sync/atomic"
	"syscall"
	"testing"
	"time"

	"github.com/bulkhead-mesh/bulkhead/proxy/admin"
	"github.com/bulkhead-mesh/bulkhead/proxy/jail/cgroup"
	"github.com/bulkhead-mesh/bulkhead/proxy/remains"
	"github.com/bulkhead-mesh/bulkhead/redirect/netns/sandbox"
	"github.com/bulkhead-mesh/bulkhead/redirect/rules"
)

// remaining is what the search finds of this node. Other tests run nodes on the same machine,
// so processes count that were this node's.
func (n *node) remaining(t *testing.T, pids []int) (found []remains.Found) {
	t.Helper()
	s := remains.Search{Sockets: []string{n.dir + "/admin.sock"}}
	for _, ns := range []uintptr{n.A.File().Fd(), n.B.File().Fd()} {
		s.Netns = append(s.Netns, fmt.Sprintf("/proc/%d/fd/%d", os.Getpid(), ns))
	}
	all, looked, err := s.Look()
	if err != nil {
		t.Fatal(err)
	}
	if looked.Processes == 0 || looked.Namespaces < 2 {
		t.Fatalf("looked at %+v", looked)
	}
	for _, f := range all {
		mine := strings.Contains(f.Where, n.A.Inode()) || strings.Contains(f.Where, n.B.Inode()) || f.Kind == remains.Socket
		for _, pid := range pids {
			mine = mine || f.Where == fmt.Sprintf("pid %d", pid)
		}
		if mine {
			found = append(found, f)
		}
	}
	return found
}

// I7: under load no new connection is refused, what is open goes on and never in plaintext,
// and afterwards nothing is left.
func TestRollback(t *testing.T) { eachTransport(t, "isolation: shared", rollsBack) }

func rollsBack(t *testing.T, n *node) {
	pids := []int{n.cmd.Process.Pid, n.keeperPID(t), n.cellOf(t, "a/client").PID}
	kinds := map[remains.Kind]bool{}
	for _, f := range n.remaining(t, pids) { // the control: all of it is found while it is there
		kinds[f.Kind] = true
	}
	if !kinds[remains.Process] || !kinds[remains.Rules] || !kinds[remains.Listener] || !kinds[remains.Socket] {
		t.Fatalf("of a running node only %v is found", kinds)
	}
	wire := sandbox.NewSniffer(t, n.B)
	open := n.hold(t)
	if err := n.call(t, "POST", "/rollback", admin.Rollback{}, nil); err == nil || !strings.Contains(err.Error(), "a/client, a/server speak HBONE") {
		t.Errorf("with a mesh that sends tunnels here: %v", err)
	}
	n.write(t, "mesh.yaml", strings.ReplaceAll(n.meshFile(), "HBONE", "TCP")) // as an operator does first
	eventually(t, "the mesh knows that they leave", func() error {
		if err := n.roundTripOf("past the mesh"); err != nil || wire.Seen([]byte("past the mesh")) == 0 {
			return fmt.Errorf("not in plaintext yet: %v", err)
		}
		return nil
	})
	stop := make(chan struct{})
	var load sync.WaitGroup
	var served atomic.Int64
	for range 4 {
		load.Go(func() {
			for {
				select {
				case <-stop:
					return
				default:
				}
				if err := n.roundTripOf("load"); err != nil {
					t.Errorf("a new connection: %v", err)
					return
				}
				served.Add(1)
			}
		})
	}
	rolled := make(chan error, 1)
	var done []admin.Drained
	go func() { rolled <- n.call(t, "POST", "/rollback", admin.Rollback{Seconds: 25}, &done) }()
	eventually(t, "new connections go direct", func() error {
		if c, s := n.place(t, "a/client"), n.place(t, "a/server"); c != "none/a/client" || s != "none/a/server" {
			return fmt.Errorf("client in %s, server in %s", c, s)
		}
		return nil
	})
	for range 20 {
		if err := say(open, "secret"); err != nil {
			t.Fatalf("what is open: %v", err)
		}
	}
	if err := n.call(t, "POST", "/pods", map[string]string{"uid": "a/late", "name": "late", "namespace": "a", "serviceAccount": "s", "netns": "/proc/self/ns/net"}, nil); err == nil || !strings.Contains(err.Error(), errLeaving.Error()) {
		t.Errorf("a pod is taken in: %v", err)
	}
	select {
	case err := <-rolled:
		t.Fatalf("it is over while a connection is open: %v", err)
	case <-time.After(100 * time.Millisecond):
	}
	if wire.Seen([]byte("secret")) != 0 || wire.Seen([]byte("hello")) != 0 {
		t.Error("what was captured went on in plaintext")
	}
	open.Close()
	if err := <-rolled; err != nil {
		t.Fatal(err)
	}
	for _, d := range done {
		if d.Cut != 0 || d.Seconds > 24 {
			t.Errorf("%+v", d)
		}
	}
	before := served.Load()
	eventually(t, "the load goes on", func() error {
		if served.Load() < before+20 {
			return errors.New("it does not")
		}
		return nil
	})
	close(stop)
	load.Wait()
	if err := n.cmd.Wait(); err != nil {
		t.Errorf("the node's proxy ended with %v", err)
	}
	n.killed = true
	if found := n.remaining(t, pids); len(done) != 2 || len(found) > 0 {
		t.Errorf("rolled back %+v; left: %v", done, found)
	}
	if !strings.Contains(n.stderr.String(), "rolled back") {
		t.Error("the log does not say so")
	}
}

// roundTripOf is a connection of its own, with a word of its own.
func (n *node) roundTripOf(word string) error {
	c, err := n.dial()
	if err != nil {
		return err
	}
	defer c.Close()
	return say(c, word)
}

// Without a mesh nobody knows who would be refused.
func TestARollbackNeedsAMesh(t *testing.T) {
	k := &Keeper{}
	if _, err := k.rollback(t.Context(), 0, false); err == nil || err.Error() != errNoMesh.Error() {
		t.Error(err)
	}
}

// What outlives the deadline is cut, and not let out in plaintext; and the cells' cgroups go too.
func TestRollbackCutsAtItsDeadline(t *testing.T) {
	var h *cgroup.Hierarchy
	var name string
	eachTransportFrom(t, func(t *testing.T, more string) (n *node) {
		n, h, name = walled(t, "isolation: workload\n"+more)
		return n
	}, func(t *testing.T, n *node) { n.rollsBackAtOnce(t, h, name) })
}

func (n *node) rollsBackAtOnce(t *testing.T, h *cgroup.Hierarchy, name string) {
	t.Helper()
	for what, bad := range map[string]admin.Rollback{"from 0 to": {Seconds: 4000}, "of -1s": {Seconds: -1}} {
		if err := n.call(t, "POST", "/rollback", bad, nil); err == nil || !strings.Contains(err.Error(), what) {
			t.Errorf("%+v: %v", bad, err)
		}
	}
	wire := sandbox.NewSniffer(t, n.B)
	open := n.hold(t)
	var done []admin.Drained
	if err := n.call(t, "POST", "/rollback", admin.Rollback{Seconds: 1, Force: true}, &done); err != nil {
		t.Fatal(err)
	}
	cut := 0
	for _, d := range done {
		cut += d.Cut
	}
	if cut == 0 || say(open, "hello") == nil || wire.Seen([]byte("hello")) != 0 {
		t.Errorf("%+v; plaintext in %d packets", done, wire.Seen([]byte("hello")))
	}
	if err := n.cmd.Wait(); err != nil {
		t.Errorf("the node's proxy ended with %v", err)
	}
	n.killed = true
	g, err := h.Open(name + "/cells")
	if err != nil {
		t.Fatal(err)
	}
	for _, dir := range g.Dirs() {
		if _, err := os.Stat(dir); !errors.Is(err, os.ErrNotExist) {
			t.Errorf("%s is left: %v", dir, err)
		}
	}
	if found, _, err := (remains.Search{Proc: t.TempDir(), Cgroup: name}).Look(); err != nil || len(found) > 0 {
		t.Errorf("%v, %v", found, err)
	}
}

// A pod that was drained, and that a rollback did not let go after all, is drained again: in
// none it took new connections. What is open there goes on.
func TestARollbackThatIsGivenUpLeavesTheDrained(t *testing.T) {
	eachTransport(t, "isolation: workload", givesUpARollback)
}

func givesUpARollback(t *testing.T, n *node) {
	open := n.hold(t)
	drained := make(chan error, 1)
	drain, undo := context.WithCancel(t.Context())
	defer undo()
	go func() { drained <- n.callIn(drain, "POST", "/drain", `{"workloads":["a/server"],"seconds":600}`) }()
	isDrained := func(at string) func() error {
		return func() error {
			if c, w := shares(t, n.who(t), "a/server"); !w.Drained || c.Name != at {
				return fmt.Errorf("in %s, drained %t", c.Name, w.Drained)
			}
			if err := n.roundTrip(); err == nil {
				return errors.New("a new connection is served")
			}
			return nil
		}
	}
	eventually(t, "it is drained", isDrained("workload/a/server"))
	ctx, leave := context.WithCancel(t.Context())
	given := make(chan error, 1)
	go func() { given <- n.callIn(ctx, "POST", "/rollback", `{"seconds":600,"force":true}`) }()
	eventually(t, "it is let go", func() error {
		if at := n.place(t, "a/server"); at != "none/a/server" {
			return errors.New("it is in " + at)
		}
		return nil
	})
	leave()
	if err := <-given; err == nil {
		t.Error("it is over while a connection is open")
	}
	eventually(t, "it is drained again", isDrained("workload/a/server"))
	n.giveUpRollbackOfDrainedOutside(t, isDrained("none/a/server"))
	n.killInRollback(t, isDrained("workload/a/server"))
	if err := say(open, "still"); err != nil {
		t.Errorf("what is open: %v", err)
	}
	if err := n.call(t, "POST", "/drain", admin.Drain{Workloads: []string{"a/server"}, Undo: true}, nil); err != nil {
		t.Error(err)
	}
	n.move(t, "a/client", PerWorkload)
	eventually(t, "it is served again", n.roundTrip)
	undo()
	<-drained
}

// giveUpRollbackOfDrainedOutside: a drained pod that the configuration put in none meanwhile is
// refused there, too, when a rollback of it is given up, and by the next keeper. The node's
// file is then as before.
func (n *node) giveUpRollbackOfDrainedOutside(t *testing.T, isDrained func() error) {
	t.Helper()
	file, err := os.ReadFile(filepath.Join(n.dir, "node.yaml"))
	if err != nil {
		t.Fatal(err)
	}
	n.write(t, "node.yaml", string(file)+"overrides: {workloads: {a/server: none}}\n")
	eventually(t, "it is in none, drained", isDrained)
	ctx, leave := context.WithCancel(t.Context())
	given := make(chan error, 1)
	go func() { given <- n.callIn(ctx, "POST", "/rollback", `{"seconds":600,"force":true}`) }()
	eventually(t, "new connections go direct", n.roundTrip)
	leave()
	if err := <-given; err == nil {
		t.Error("it is over while a connection is open")
	}
	eventually(t, "it is refused again in none", isDrained)
	n.killKeeper(t)
	if err := isDrained(); err != nil {
		t.Errorf("under the next keeper: %v", err)
	}
	n.write(t, "node.yaml", string(file))
	eventually(t, "it belongs to its cell again", func() error {
		if at := n.place(t, "a/server"); at != "workload/a/server" {
			return errors.New("it is in " + at)
		}
		return nil
	})
}

// killInRollback: a drained pod whose keeper dies in a rollback, when it takes connections in none already, is
// drained under the next keeper, where it was.
func (n *node) killInRollback(t *testing.T, isDrained func() error) {
	t.Helper()
	given := make(chan error, 1)
	go func() { given <- n.callIn(t.Context(), "POST", "/rollback", `{"seconds":600,"force":true}`) }()
	eventually(t, "new connections go direct", n.roundTrip)
	n.killKeeper(t)
	if err := <-given; err == nil {
		t.Error("a keeper that died says that the rollback is over")
	}
	eventually(t, "it is drained under the next keeper", isDrained)
}

// killKeeper returns when the next keeper is ready.
func (n *node) killKeeper(t *testing.T) {
	t.Helper()
	pid := n.keeperPID(t)
	if err := syscall.Kill(pid, syscall.SIGKILL); err != nil {
		t.Fatal(err)
	}
	eventually(t, "the keeper is gone", func() error { // or it would say that it is ready
		if err := syscall.Kill(pid, 0); !errors.Is(err, syscall.ESRCH) {
			return fmt.Errorf("pid %d: %v", pid, err)
		}
		return nil
	})
	n.ready(t)
}

// Where the rules of a drained pod do not change when its rollback is given up, it is drained
// nevertheless, and they are tried again.
func TestTheRulesOfADrainedPodAreTriedAgain(t *testing.T) {
	k, _, _ := newTalkingKeeper(t)
	k.holder = newShelf(t)
	pair, gone := sandbox.NewPair(t), sandbox.NewPair(t).A
	if err := gone.Close(); err != nil {
		t.Fatal(err)
	}
	p := newPod(Pod{UID: "a/own", Namespace: "a", Isolation: None}, gone)
	k.config.Isolation = None
	p.cell, p.placed, p.rules.plan = newCell("none/a/own"), None, planOf(None, "")
	k.do(func() {
		k.pods["a/own"] = p
		if err := k.stays(p, drainedAt{drained: true}); err == nil || !p.drained {
			t.Errorf("drained %t, %v", p.drained, err)
		}
		p.netns = pair.A
		k.checkPlaces()
	})
	if err := rules.Verify(pair.A, planOf("", Closed)); err != nil {
		t.Error(err)
	}
	var l podLabel
	if err := json.Unmarshal(k.holder.(*shelf).held[heldNetns+"a/own"].Label, &l); err != nil || !l.Drained || l.Placed != "" {
		t.Errorf("the next keeper is told %+v, %v", l, err)
	}
}

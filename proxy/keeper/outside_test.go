package keeper

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"syscall"
	"testing"

	"github.com/bulkhead-mesh/bulkhead/identity"
	"github.com/bulkhead-mesh/bulkhead/identity/workloadapi/agent"
	"github.com/bulkhead-mesh/bulkhead/proxy/admin"
	"github.com/bulkhead-mesh/bulkhead/redirect"
	"github.com/bulkhead-mesh/bulkhead/redirect/netns"
	"github.com/bulkhead-mesh/bulkhead/redirect/netns/sandbox"
	"github.com/bulkhead-mesh/bulkhead/redirect/rules"
)

// startSidecar runs the real sidecar in the server's pod, as a kubelet would, and
// returns when it is ready. Its SVID is of the node's CA.
func (n *node) startSidecar(t *testing.T) (stop func()) {
	t.Helper()
	return n.startSidecarBy(t, n.caLine())
}

// caLine is the line of a sidecar's file that says where its SVID is from.
func (n *node) caLine() string {
	return fmt.Sprintf("ca: {socket: %[1]s/ca.sock, token: %[1]s/token}", n.dir)
}

// startSidecarBy is startSidecar; svid is in place of the caLine.
func (n *node) startSidecarBy(t *testing.T, svid string) (stop func()) {
	t.Helper()
	return n.startSidecarOf(t, "a/server", n.B, svid+"\ndrain: 1s")
}

// startSidecarOf is that of any pod; rest is its file but for workload, mesh and ready.
func (n *node) startSidecarOf(t *testing.T, uid string, ns *netns.Namespace, rest string) (stop func()) {
	t.Helper()
	c := n.sidecarOf(t, uid, ns, rest)
	stop = sync.OnceFunc(func() {
		_ = c.Process.Signal(syscall.SIGTERM)
		if err := c.Wait(); err != nil {
			t.Errorf("the sidecar ended with %v", err)
		}
	})
	t.Cleanup(stop)
	n.sidecarReady(t, uid)
	return stop
}

// sidecarOf starts a pod's sidecar, which is its caller's to end.
func (n *node) sidecarOf(t *testing.T, uid string, ns *netns.Namespace, rest string) *exec.Cmd {
	t.Helper()
	bin, err := executables()
	if err != nil {
		t.Fatal(err)
	}
	name := strings.ReplaceAll(uid, "/", "-")
	ready := filepath.Join(n.dir, name+".ready")
	n.write(t, name+".yaml", fmt.Sprintf("workload: %s\nmesh: %s/mesh.yaml\n%s\nready: %s\n", uid, n.dir, rest, ready))
	_ = os.Remove(ready) // that of an earlier one
	c := exec.Command(filepath.Join(bin, "bulkhead-sidecar"), "--config", filepath.Join(n.dir, name+".yaml"))
	c.Stdout, c.Stderr = n.stderr, n.stderr
	if err := ns.Do(c.Start); err != nil {
		t.Fatal(err)
	}
	return c
}

func (n *node) sidecarReady(t *testing.T, uid string) {
	t.Helper()
	eventually(t, "the sidecar is ready", func() error {
		_, err := os.Stat(filepath.Join(n.dir, strings.ReplaceAll(uid, "/", "-")+".ready"))
		return err
	})
}

func (n *node) place(t *testing.T, uid string) string {
	t.Helper()
	var pods []PodStatus
	if err := n.call(t, "GET", "/pods", nil, &pods); err != nil {
		t.Error(err)
	}
	for _, p := range pods {
		if p.UID == uid {
			return p.Cell
		}
	}
	return ""
}

// I1, I5, I7: a workload moves from the node's cell to its own sidecar and back under
// new connections; none is refused and nothing is in plaintext. The cell that it left is
// retired. Where no sidecar listens it stays.
func TestAMoveToASidecarAndBack(t *testing.T) {
	n := startNode(t, "isolation: shared\n")
	n.echo(t)
	wire := sandbox.NewSniffer(t, n.B)
	before := n.cellOf(t, "a/server")
	err := n.call(t, "POST", "/move", map[string]any{"uid": "a/server", "isolation": Sidecar}, nil)
	if err == nil || !strings.Contains(err.Error(), "no sidecar") {
		t.Errorf("moved to a sidecar that does not exist: %v", err)
	}
	if at := n.place(t, "a/server"); at != "shared" {
		t.Errorf("after a move that failed it is in %q", at)
	}
	stopSidecar := n.startSidecar(t)
	stop := n.hammer(t)
	if m := n.move(t, "a/server", Sidecar); m.To != "sidecar/a/server" || m.Waited != 0 {
		t.Errorf("%+v", m)
	}
	eventually(t, "the cell that it left is retired", func() error {
		if err := syscall.Kill(before.PID, 0); !errors.Is(err, syscall.ESRCH) {
			return fmt.Errorf("pid %d: %v", before.PID, err)
		}
		return nil
	})
	if err := rules.Verify(n.B, rules.Plan{Ports: redirect.SidecarPorts}); err != nil {
		t.Error(err)
	}
	if err := syscall.Kill(n.keeperPID(t), syscall.SIGKILL); err != nil {
		t.Fatal(err)
	}
	n.ready(t)
	if at := n.place(t, "a/server"); at != "sidecar/a/server" {
		t.Errorf("the next keeper has it in %q", at)
	}
	if err := rules.Verify(n.B, rules.Plan{Ports: redirect.SidecarPorts}); err != nil {
		t.Errorf("under the next keeper: %v", err)
	}
	if m := n.move(t, "a/server", Namespace); m.From != "sidecar/a/server" || m.Waited != 0 || m.PID == 0 {
		t.Errorf("%+v", m)
	}
	if err := rules.Verify(n.B, rules.Plan{Ports: redirect.NodePorts}); err != nil {
		t.Error(err)
	}
	stopSidecar()
	stop()
	if wire.Packets() == 0 || wire.Seen([]byte("hello")) != 0 {
		t.Error("plaintext on the wire")
	}
}

// TestASidecarWithAnAgent: its SVID is from a SPIFFE Workload API, and peers whose SVIDs are
// of the CA behind that agent cannot tell.
func TestASidecarWithAnAgent(t *testing.T) {
	n := startNode(t, "isolation: shared\n")
	n.echo(t)
	wire := sandbox.NewSniffer(t, n.B)
	socket := filepath.Join(n.dir, "agent.sock")
	a := agent.Serve(t, socket)
	t.Cleanup(a.Stop)
	server, err := identity.New("cluster.local", "a", "server")
	if err != nil {
		t.Fatal(err)
	}
	pushed := make(chan struct{})
	go func() { defer close(pushed); a.Push(t, n.authority, server) }()
	n.startSidecarBy(t, "agent: unix://"+socket)
	<-pushed
	n.move(t, "a/server", Sidecar)
	if err := n.roundTrip(); err != nil {
		t.Error(err)
	}
	if wire.Packets() == 0 || wire.Seen([]byte("hello")) != 0 {
		t.Error("plaintext on the wire")
	}
	n.giveUpRollback(t)
	n.move(t, "a/server", Shared)
}

// giveUpRollback: a caller who leaves ends a rollback, and nothing that is open, a sidecar's
// connections among it. Nor do two go on at a time.
func (n *node) giveUpRollback(t *testing.T) {
	t.Helper()
	open := n.hold(t)
	ctx, leave := context.WithCancel(t.Context())
	given := make(chan error, 1)
	go func() { given <- n.callIn(ctx, "POST", "/rollback", `{"seconds":60,"force":true}`) }()
	eventually(t, "new connections go direct", func() error {
		if c, s := n.place(t, "a/client"), n.place(t, "a/server"); c != "none/a/client" || s != "none/a/server" {
			return fmt.Errorf("client in %s, server in %s", c, s)
		}
		return nil
	})
	if err := n.call(t, "POST", "/rollback", admin.Rollback{Force: true}, nil); err == nil || !strings.Contains(err.Error(), errRollingBack.Error()) {
		t.Errorf("a second rollback: %v", err)
	}
	leave()
	if err := <-given; err == nil {
		t.Error("it is over while a connection is open")
	}
	eventually(t, "pods are taken in again", func() error {
		err := n.call(t, "POST", "/pods", map[string]string{"uid": "a/late", "name": "late", "namespace": "a", "serviceAccount": "s", "netns": "/nowhere"}, nil)
		if err == nil || strings.Contains(err.Error(), errLeaving.Error()) {
			return fmt.Errorf("not yet: %v", err)
		}
		return nil
	})
	if err := say(open, "still"); err != nil {
		t.Errorf("what is open: %v", err)
	}
	n.move(t, "a/client", Shared)
}

// Under none a workload has left the mesh: plaintext, as was asked for, once the mesh
// says so too. The way back is a move.
func TestAMoveToNoneAndBack(t *testing.T) {
	n := startNode(t, "isolation: workload\n")
	n.echo(t)
	wire := sandbox.NewSniffer(t, n.B)
	left := func() int { return strings.Count(n.stderr.String(), "captured no more") }
	mesh, err := os.ReadFile(filepath.Join(n.dir, "mesh.yaml"))
	if err != nil {
		t.Fatal(err)
	}
	before := n.cellOf(t, "a/server")
	n.move(t, "a/server", None)
	eventually(t, "its cell ends", func() error {
		if err := syscall.Kill(before.PID, 0); !errors.Is(err, syscall.ESRCH) {
			return fmt.Errorf("pid %d: %v", before.PID, err)
		}
		return nil
	})
	if err := n.roundTrip(); err == nil || wire.Seen([]byte("hello")) != 0 {
		t.Errorf("its peer, whom nobody told, got through: %v", err)
	}
	lines := strings.Split(string(mesh), "\n")
	for i, l := range lines {
		if strings.Contains(l, "a/server") {
			lines[i] = strings.Replace(l, "HBONE", "TCP", 1)
		}
	}
	n.write(t, "mesh.yaml", strings.Join(lines, "\n"))
	eventually(t, "its peer talks to it past the mesh", n.roundTrip)
	if wire.Seen([]byte("hello")) == 0 {
		t.Error("it is not in plaintext")
	}
	if got := left(); got != 1 { // the mesh has changed since
		t.Errorf("it is said %d times that it left, want once", got)
	}
	n.move(t, "a/server", "")
	n.write(t, "mesh.yaml", string(mesh)+"\n")
	eventually(t, "it is in the mesh again", func() error {
		wire.Forget()
		if err := n.roundTrip(); err != nil {
			return err
		}
		if wire.Seen([]byte("hello")) != 0 {
			return errors.New("still in plaintext")
		}
		return nil
	})
}

// The node's file may send a workload to its sidecar: it goes when that listens, and
// stays in its cell until then.
func TestTheNodeFileSendsAWorkloadToItsSidecar(t *testing.T) {
	n := startNode(t, "isolation: workload\n")
	n.echo(t)
	file, err := os.ReadFile(filepath.Join(n.dir, "node.yaml"))
	if err != nil {
		t.Fatal(err)
	}
	stop := n.hammer(t)
	n.write(t, "node.yaml", string(file)+"overrides: {workloads: {a/server: sidecar}}\n")
	eventually(t, "the keeper says that it stays", func() error {
		if !strings.Contains(n.stderr.String(), "workload stays where it is") {
			return errors.New("no such line")
		}
		return nil
	})
	if at := n.place(t, "a/server"); at != "workload/a/server" {
		t.Errorf("without a sidecar it is in %q", at)
	}
	n.startSidecar(t)
	eventually(t, "it is with its sidecar", func() error {
		if at := n.place(t, "a/server"); at != "sidecar/a/server" {
			return errors.New(at)
		}
		return nil
	})
	stop()
	n.write(t, "node.yaml", string(file)) // back before the sidecar ends
	eventually(t, "it is back", func() error { return rules.Verify(n.B, rules.Plan{Ports: redirect.NodePorts}) })
	if err := n.roundTrip(); err != nil {
		t.Error(err)
	}
}

// A pod that arrives for its sidecar is captured for it from the start, whether the
// sidecar listens already or not: connections are refused, and not in plaintext.
func TestAPodArrivesForItsSidecar(t *testing.T) {
	n := startNode(t, "isolation: workload\noverrides: {workloads: {a/server: sidecar}}\n")
	n.echo(t)
	wire := sandbox.NewSniffer(t, n.B)
	if err := rules.Verify(n.B, rules.Plan{Ports: redirect.SidecarPorts}); err != nil {
		t.Error(err)
	}
	if at := n.place(t, "a/server"); at != "sidecar/a/server" {
		t.Errorf("it is in %q", at)
	}
	if err := n.roundTrip(); err == nil {
		t.Error("somebody answered, and no sidecar runs")
	}
	n.startSidecar(t)
	eventually(t, "its sidecar serves it", n.roundTrip)
	if wire.Seen([]byte("hello")) != 0 {
		t.Error("plaintext on the wire")
	}
}

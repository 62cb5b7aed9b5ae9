package keeper

import (
	"errors"
	"fmt"
	"net/netip"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"

	"github.com/bulkhead-mesh/bulkhead/redirect/netns/sandbox"
)

func TestOnFailureIsChosen(t *testing.T) {
	c, err := ParseConfig([]byte(nodeFile + "onFailure: {action: closed, after: 3s, namespaces: {b: passthrough}, workloads: {b/db: wait}}\n"))
	if err != nil {
		t.Fatal(err)
	}
	for pod, want := range map[string]FailureAction{"a/web": Closed, "b/web": Passthrough, "b/db": Wait} {
		namespace, name, _ := strings.Cut(pod, "/")
		if got := c.OnFailure.of(Pod{Namespace: namespace, Name: name}); got != want {
			t.Errorf("%s: %s, want %s", pod, got, want)
		}
	}
	if c, err := ParseConfig([]byte(nodeFile)); err != nil || c.OnFailure.of(Pod{}) != Wait {
		t.Errorf("the default is %+v, %v", c.OnFailure, err)
	}
	for text, want := range map[string]string{
		"onFailure: {action: open}":             "use wait, closed or passthrough",
		"onFailure: {namespaces: {a/b: wait}}":  "is no namespace",
		"onFailure: {workloads: {web: closed}}": "write namespace/name",
		"onFailure: {workloads: {a/web: drop}}": "onFailure.workloads.a/web",
		"onFailure: {after: soon}":              "no duration",
		"onFailure: closed":                     "cannot unmarshal",
	} {
		if _, err := ParseConfig([]byte(nodeFile + text + "\n")); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%s: error %v, want one with %q", text, err, want)
		}
	}
}

// failing waits until the rules of a pod do what is wanted; empty: they capture.
func (n *node) failing(t *testing.T, uid string, want FailureAction) {
	t.Helper()
	eventually(t, fmt.Sprintf("%s: onFailure is %q", uid, want), func() error {
		var pods []PodStatus
		if err := n.call(t, "GET", "/pods", nil, &pods); err != nil {
			return err
		}
		for _, p := range pods {
			if p.UID == uid && p.Failing != want {
				return fmt.Errorf("%+v", p)
			}
		}
		return nil
	})
}

// status is what `bulkhead-node status` says of the node.
func (n *node) status(t *testing.T) string {
	t.Helper()
	out, err := exec.Command(n.cmd.Path, "status", "--config", filepath.Join(n.dir, "node.yaml")).CombinedOutput()
	if err != nil {
		t.Errorf("status: %v: %s", err, out)
	}
	return string(out)
}

const quickly = "liveness: {interval: 50ms, misses: 100}\n"

// The default: whatever the loop does, connections wait and nothing is refused.
func TestOnFailureWaitIsCustody(t *testing.T) {
	n := startNode(t, "isolation: workload\nonFailure: {after: 100ms}\n"+quickly, "--allow-faults")
	n.echo(t)
	n.poison(t, "a/client")
	n.looping(t, "a/client", loopDeaths)
	answered := make(chan error, 1)
	go func() { answered <- n.roundTrip() }()
	n.looping(t, "a/client", loopDeaths+1)
	n.failing(t, "a/client", "")
	if err := n.call(t, "DELETE", "/faults?workload=a/client", nil, nil); err != nil {
		t.Fatal(err)
	}
	if err := <-answered; err != nil {
		t.Errorf("the connection that waited: %v", err)
	}
}

// Closed: refused at once, both ways, also under the next keeper; and captured again
// as soon as the cell serves.
func TestOnFailureClosed(t *testing.T) {
	n := startNode(t, "isolation: workload\nonFailure: {after: 100ms, namespaces: {a: closed}, workloads: {a/server: wait}}\n"+quickly, "--allow-faults")
	n.echo(t)
	wire := sandbox.NewSniffer(t, n.B)
	n.poison(t, "a/client")
	n.failing(t, "a/client", Closed)
	refused := func() {
		t.Helper()
		if _, err := n.dial(); !errors.Is(err, syscall.ECONNREFUSED) {
			t.Errorf("dialled with %v, want it refused", err)
		}
	}
	refused()
	if err := n.counts(`bulkhead_workload_failing{action="closed",cell="workload/a/client",workload="a/client"} 1`); err != nil {
		t.Error(err)
	}
	if err := syscall.Kill(n.keeperPID(t), syscall.SIGKILL); err != nil {
		t.Fatal(err)
	}
	if c, err := n.dial(); err == nil { // the poison died with its keeper: it may serve already
		c.Close()
	} else if !errors.Is(err, syscall.ECONNREFUSED) {
		t.Error(err)
	}
	n.ready(t)
	n.failing(t, "a/client", "")
	if err := n.roundTrip(); err != nil {
		t.Errorf("after its recovery: %v", err)
	}
	if wire.Seen([]byte("hello")) != 0 {
		t.Error("plaintext on the wire")
	}
	for _, want := range []string{"workload fails closed", "workload is captured again"} {
		if !strings.Contains(n.stderr.String(), want) {
			t.Errorf("no line %q", want)
		}
	}
}

// Passthrough: in plaintext and past policy, only where it was chosen, and it is said.
// The neighbour that did not choose it is the control.
func TestOnFailurePassthrough(t *testing.T) {
	n := startNode(t, "isolation: workload\nonFailure: {after: 100ms, workloads: {a/server: passthrough}}\n"+quickly, "--allow-faults")
	n.echo(t)
	reached := n.forbid(t)
	wire := sandbox.NewSniffer(t, n.B)
	if err := n.outside(); err != nil {
		t.Fatal(err)
	}
	denied := func() error {
		c, err := n.outsideTo(netip.AddrPortFrom(n.B4, 8081))
		if err == nil {
			defer c.Close()
			_, err = c.Read(make([]byte, 1)) // the application ends it, or the proxy does
		}
		return err
	}
	_ = denied()
	if reached.Load() != 0 {
		t.Fatal("the policy is not in force")
	}
	n.poison(t, "a/server")
	n.failing(t, "a/server", Passthrough)
	if err := n.outside(); err != nil {
		t.Errorf("from outside of the mesh: %v", err)
	}
	if _ = denied(); reached.Load() != 1 {
		t.Errorf("passed the policy %d times, want once: that is what passthrough means", reached.Load())
	}
	if out := n.status(t); !strings.Contains(out, "a/server fails passthrough: new connections are in PLAINTEXT, and those to it meet NO POLICY") {
		t.Errorf("status does not say so:\n%s", out)
	}
	if !strings.Contains(n.stderr.String(), "workload passes through") {
		t.Error("no line says so")
	}
	// The control is captured: its tunnel finds nobody, and nothing of it leaves in plaintext.
	if err := n.roundTrip(); err == nil {
		t.Error("the client reached a server without a cell: not through a tunnel")
	}
	if wire.Seen([]byte("hello")) != 0 {
		t.Error("plaintext of the control on the wire")
	}
	if err := n.call(t, "DELETE", "/faults?workload=a/server", nil, nil); err != nil {
		t.Fatal(err)
	}
	n.failing(t, "a/server", "")
	if _ = denied(); reached.Load() != 1 {
		t.Error("the policy is not back")
	}
	if err := n.roundTrip(); err != nil {
		t.Errorf("after its recovery: %v", err)
	}
}

package keeper

import (
	"context"
	"errors"
	"fmt"
	"net/netip"
	"net/url"
	"os"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/bulkhead-mesh/bulkhead/redirect"
	"github.com/bulkhead-mesh/bulkhead/redirect/netns"
	"github.com/bulkhead-mesh/bulkhead/redirect/rules"
)

func (n *node) podBody(uid string, ns *netns.Namespace) map[string]string {
	namespace, name, _ := strings.Cut(uid, "/")
	return map[string]string{
		"uid": uid, "name": name, "namespace": namespace, "serviceAccount": name,
		"netns": fmt.Sprintf("/proc/%d/fd/%d", os.Getpid(), ns.File().Fd()),
	}
}

func (n *node) deletePod(t *testing.T, uid string) error {
	t.Helper()
	return n.call(t, "DELETE", "/pods?uid="+url.QueryEscape(uid), nil, nil)
}

// states are the pods of GET /pods.
func (n *node) states(t *testing.T) map[string]string {
	t.Helper()
	var pods []PodStatus
	if err := n.call(t, "GET", "/pods", nil, &pods); err != nil {
		t.Fatal(err)
	}
	states := map[string]string{}
	for _, p := range pods {
		states[p.UID] = p.State
	}
	return states
}

// Conformance 85: a pod that could not be served is served when it is added again.
// Conformance 87: a pod that failed is forgotten, and there is nothing to delete.
// Conformance 96: a port of ours that somebody else has fails the pod, whichever of the three it is, and leaves nothing behind.
func TestAPodWhosePortIsTaken(t *testing.T) {
	n := startNode(t, "isolation: workload")
	n.echo(t)
	if err := n.deletePod(t, "a/server"); err != nil {
		t.Fatal(err)
	}
	for _, l := range listenPorts {
		taken, err := n.B.Listen(netns.ListenOptions{Port: l.port})
		if err != nil {
			t.Fatalf("%s is still held: %v", l.name, err)
		}
		err = n.call(t, "POST", "/pods", n.podBody("a/server", n.B), nil)
		if err == nil || !strings.Contains(err.Error(), l.name+" listener of a/server") || !strings.Contains(err.Error(), "address already in use") {
			t.Errorf("%s is taken: %v", l.name, err)
		}
		if _, ok := n.states(t)["a/server"]; ok {
			t.Error("the pod is there")
		}
		if err := rules.Verify(n.B, rules.Plan{Ports: redirect.NodePorts}); err == nil {
			t.Error("it is captured")
		}
		if err := n.deletePod(t, "a/server"); err == nil || !strings.Contains(err.Error(), "no pod") {
			t.Errorf("deleting it: %v", err)
		}
		taken.Close()
	}
	n.addPod(t, "a/server", n.B)
	if err := n.roundTrip(); err != nil {
		t.Error(err)
	}
}

// Conformance 92: what does not describe a pod is refused, with what is wrong.
func TestAPodWithoutADescription(t *testing.T) {
	n := startNode(t, "isolation: shared")
	for name, c := range map[string]struct {
		change func(map[string]string)
		want   string
	}{
		"no uid":                  {func(b map[string]string) { b["uid"] = "" }, "required"},
		"no service account":      {func(b map[string]string) { delete(b, "serviceAccount") }, "required"},
		"no network namespace":    {func(b map[string]string) { delete(b, "netns") }, "netns of a/new"},
		"a file that is no netns": {func(b map[string]string) { b["netns"] = "/dev/null" }, "netns of a/new"},
		"a key of another time":   {func(b map[string]string) { b["sandbox"] = "x" }, "sandbox"},
		"no isolation of ours":    {func(b map[string]string) { b["isolation"] = "pod" }, "isolation"},
	} {
		body := n.podBody("a/new", n.A)
		c.change(body)
		err := n.call(t, "POST", "/pods", body, nil)
		if err == nil || !strings.Contains(err.Error(), "400") || !strings.Contains(err.Error(), c.want) {
			t.Errorf("%s: %v, want 400 and %q", name, err, c.want)
		}
	}
	if got := n.states(t); len(got) != 2 {
		t.Errorf("pods %v", got)
	}
}

// Conformance 86: a pod that is added twice while the mesh does not know it is served once, when it does.
// Conformance 95: a pod is seen while it waits, when it is served, and is gone when it is deleted.
func TestAPodThatWaitsForTheMesh(t *testing.T) {
	n := startNode(t, "isolation: shared")
	fresh, err := netns.New()
	if err != nil {
		t.Fatal(err)
	}
	defer fresh.Close()
	var all sync.WaitGroup
	for range 2 {
		all.Go(func() { n.addPod(t, "a/late", fresh) })
	}
	eventually(t, "the pod waits", func() error {
		if state, ok := n.states(t)["a/late"]; !ok {
			return fmt.Errorf("state %q", state)
		}
		return nil
	})
	n.write(t, "mesh.yaml", n.meshFile()+fmt.Sprintf("- {uid: a/late, name: late, namespace: a, serviceAccount: late, node: n, addresses: [%s], protocol: HBONE}\n", netip.MustParseAddr("10.77.0.9")))
	all.Wait()
	if got := n.states(t); len(got) != 3 || got["a/late"] != "up" {
		t.Errorf("pods %v", got)
	}
	if err := n.deletePod(t, "a/late"); err != nil {
		t.Error(err)
	}
	if got := n.states(t); len(got) != 2 {
		t.Errorf("pods %v", got)
	}
}

// A pod is removed at once, whoever waits in its backlog for a process that never came to accept.
func TestARemovalTurnsAwayWhoWaits(t *testing.T) {
	n := startNode(t, "isolation: workload\ndrain: 10m\nliveness: {interval: 1s, misses: 1000}")
	cell := n.cellOf(t, "a/server").PID
	halt(t, cell)
	ctx, cancel := context.WithTimeout(t.Context(), patience)
	defer cancel()
	waits, err := n.A.Dial(ctx, netns.DialOptions{Remote: netip.AddrPortFrom(n.B4, redirect.NodePorts.HBONE), Mark: redirect.MarkProxy})
	if err != nil {
		t.Fatal(err)
	}
	defer waits.Close()
	_ = waits.SetDeadline(time.Now().Add(2 * patience))
	if _, err := waits.Write([]byte("hello")); err != nil {
		t.Fatal(err)
	}
	removed := make(chan error, 1)
	go func() { removed <- n.deletePod(t, "a/server") }()
	eventually(t, "the pod is on its way out", func() error {
		if n.place(t, "a/server") != "" {
			return errors.New("not yet")
		}
		return nil
	})
	if err := syscall.Kill(cell, syscall.SIGKILL); err != nil {
		t.Fatal(err)
	}
	if err := <-removed; err != nil {
		t.Error(err)
	}
	if _, err := waits.Read(make([]byte, 1)); !errors.Is(err, syscall.ECONNRESET) {
		t.Errorf("who waited got %v", err)
	}
}

package keeper

import (
	"bytes"
	"context"
	"crypto/sha256"
	"fmt"
	"io"
	"log/slog"
	"net/netip"
	"os"
	"os/exec"
	"path/filepath"
	"sync"
	"syscall"
	"testing"
	"time"

	"google.golang.org/grpc"

	"github.com/bulkhead-mesh/bulkhead/identity/bearer"
	"github.com/bulkhead-mesh/bulkhead/proxy/wds"
	"github.com/bulkhead-mesh/bulkhead/proxy/xds"
	"github.com/bulkhead-mesh/bulkhead/redirect/netns/sandbox"
)

// scalePatience is for reading a file of a hundred megabytes on a small machine.
const scalePatience = 5 * time.Minute

// mostWorkloads is what addresses are enough for: a service for every ten.
const mostWorkloads = 500_000

// bigMesh is the directory of control: a file with the two pods and a service of the server whose port is another after each push,
// and files of a thousand workloads that nobody talks to and of their services.
type bigMesh struct {
	node    *node
	size    int
	pushes  int
	changed int                          // so many of the workloads have changedAccount
	written map[string][sha256.Size]byte // by name
	next    []string                     // beside their places
}

var movingAddress = netip.MustParseAddr("10.96.0.1")

const (
	changedAccount  = "changed"
	podsFile        = "0-pods.yaml" // the first that control reads
	workloadsInFile = 1000
)

func (m *bigMesh) port() uint16 { return uint16(1000 + m.pushes) }

func (m *bigMesh) path(name string) string { return filepath.Join(m.node.dir, "mesh", name) }

// write makes the files that are others now, beside their places.
func (m *bigMesh) write(t *testing.T) {
	t.Helper()
	if err := os.MkdirAll(m.path(""), 0o700); err != nil {
		t.Fatal(err)
	}
	for i := 0; i < m.size; i += workloadsInFile {
		var b bytes.Buffer
		m.print(&b, i, min(m.size, i+workloadsInFile))
		m.put(t, fmt.Sprintf("workloads-%06d.yaml", i), b.Bytes())
	}
	m.put(t, podsFile, fmt.Appendf(nil, "%sservices:\n- {name: moving, namespace: a, addresses: [%s], ports: [{port: %d, target: 8080}], endpoints: [a/server]}\n",
		m.node.meshFile(), movingAddress, m.port()))
}

func (m *bigMesh) put(t *testing.T, name string, text []byte) {
	t.Helper()
	sum := sha256.Sum256(text)
	if m.written[name] == sum {
		return
	}
	if err := os.WriteFile(m.path(name+".new"), text, 0o600); err != nil {
		t.Fatal(err)
	}
	m.written[name] = sum
	m.next = append(m.next, name)
}

// publish puts them there, each at once, since half of it would be read otherwise, and returns when the last one was. That is the
// one that control reads first: whoever sees its news sees those of all.
func (m *bigMesh) publish(t *testing.T) time.Time {
	t.Helper()
	for _, name := range m.next {
		if err := os.Rename(m.path(name+".new"), m.path(name)); err != nil {
			t.Fatal(err)
		}
	}
	m.next = nil
	return time.Now()
}

func (m *bigMesh) print(w io.Writer, from, to int) {
	fmt.Fprint(w, "workloads:\n")
	for i := from; i < to; i++ {
		m.printWorkload(w, i)
	}
	fmt.Fprint(w, "services:\n")
	for i := from / 10; i < to/10; i++ {
		fmt.Fprintf(w, "- {name: app-%d, namespace: tenant-%d, addresses: [172.16.%d.%d], ports: [{port: 80, target: 8080}]}\n", i, i%100, i>>8, i&255)
	}
}

func (m *bigMesh) printWorkload(w io.Writer, i int) {
	account, app := "app", i/10
	if i < m.changed {
		account = changedAccount
	}
	services := "{}"
	if app < m.size/10 {
		services = fmt.Sprintf("{tenant-%d/app-%d.tenant-%d.svc.cluster.local: []}", app%100, app, app%100)
	}
	fmt.Fprintf(w, "- {uid: Kubernetes//Pod/tenant-%[1]d/app-%[2]d-7c9d8b6f5d-x%05[3]d, name: app-%[2]d-7c9d8b6f5d-x%05[3]d, namespace: tenant-%[1]d, serviceAccount: %[4]s, node: node-%[5]d, "+
		"addresses: [10.%[6]d.%[7]d.%[8]d], protocol: HBONE, canonicalName: app-%[2]d, canonicalRevision: v1, kind: deployment, controller: app-%[2]d, locality: {region: r1, zone: z%[9]d}, services: %[10]s}\n",
		app%100, app, i, account, i/100, 128+i>>16, i>>8&255, i&255, i%3, services)
}

// newControlledNode prepares a node that has its mesh and its SVIDs from control, and starts nothing.
func newControlledNode(t *testing.T) *node {
	t.Helper()
	n := &node{Pair: sandbox.NewPair(t), dir: t.TempDir(), stderr: &lockedBuffer{}}
	n.write(t, "token", "node-token-0123456789")
	n.write(t, "control.yaml", fmt.Sprintf("trustDomain: cluster.local\nsocket: %[1]s/control.sock\nmesh: %[1]s/mesh\ntokens: [{token: node-token-0123456789, node: n}]\n", n.dir))
	n.write(t, "node.yaml", fmt.Sprintf("node: n\nisolation: workload\ndiscovery: {address: 'unix://%[1]s/control.sock', token: %[1]s/token}\n"+
		"ca: {socket: %[1]s/control.sock, token: %[1]s/token}\nadmin: %[1]s/admin.sock\ndrain: 1s\n", n.dir))
	return n
}

// command is the directory of the executables with `bulkhead` among them.
var command = sync.OnceValues(func() (string, error) {
	bin, err := executables()
	if err != nil {
		return "", err
	}
	return bin, build(bin, "../../cmd/bulkhead")
})

// startControl returns the pid of control when it has read its mesh. It ends with the test.
func (n *node) startControl(t *testing.T) int {
	t.Helper()
	bin, err := command()
	if err != nil {
		t.Fatal(err)
	}
	c := exec.Command(filepath.Join(bin, "bulkhead"), "control", "--config", filepath.Join(n.dir, "control.yaml"))
	log := &lockedBuffer{}
	c.Stderr, c.Stdout = log, log
	if err := c.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		_ = c.Process.Signal(syscall.SIGTERM)
		if err := c.Wait(); err != nil {
			t.Errorf("control ended with %v", err)
		}
		if t.Failed() {
			t.Logf("log of control:\n%s", log)
		}
	})
	eventually(t, "control listens", func() error { _, err := os.Stat(filepath.Join(n.dir, "control.sock")); return err })
	n.awaitMesh(t)
	return c.Process.Pid
}

// awaitMesh returns when control answers what policies there are: before it has read its mesh it does not.
func (n *node) awaitMesh(t *testing.T) {
	t.Helper()
	target := bearer.Target{Address: "unix://" + filepath.Join(n.dir, "control.sock"), Token: filepath.Join(n.dir, "token")}
	client := xds.NewClient(xds.ClientConfig{
		Replicas: []xds.Replica{{Name: target.Address, Dial: func() (*grpc.ClientConn, error) { return bearer.Dial(target) }}},
		Types:    []xds.Subscription{{Type: wds.PolicyType}},
		Handler:  indifferent{},
		Log:      slog.New(slog.DiscardHandler),
	})
	ctx, cancel := context.WithTimeout(t.Context(), scalePatience)
	defer cancel()
	var running sync.WaitGroup
	running.Go(func() { client.Run(ctx) })
	select {
	case <-client.Ready():
	case <-ctx.Done():
		t.Error("control has not read its mesh")
	}
	cancel()
	running.Wait()
}

// indifferent wants to know that there is an answer, and not what it says.
type indifferent struct{}

func (indifferent) Apply(xds.Response) map[string]error { return nil }

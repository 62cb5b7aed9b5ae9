package keeper

import (
	"bytes"
	"context"
	"fmt"
	"net"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"google.golang.org/grpc"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"
	security "istio.io/api/security/v1alpha1"

	"github.com/bulkhead-mesh/bulkhead/identity"
	"github.com/bulkhead-mesh/bulkhead/identity/bearer"
	"github.com/bulkhead-mesh/bulkhead/identity/ca"
	"github.com/bulkhead-mesh/bulkhead/redirect/netns"
)

// TestIdle prints what idle cells cost, for docs/decisions/0011-idle-cell.md. It
// judges nothing: sizes and times belong to a machine. BULKHEAD_IDLE says with how
// many pods, like 10,110,10,110; BULKHEAD_IDLE_FOR=20s how long, BULKHEAD_IDLE_CONFIG is YAML for the node's file;
// BULKHEAD_IDLE_BIN names a directory of executables, to compare builds.
func TestIdle(t *testing.T) {
	counts := os.Getenv("BULKHEAD_IDLE")
	if counts == "" {
		t.Skip("a measurement: set BULKHEAD_IDLE=10,110")
	}
	for _, text := range strings.Split(counts, ",") {
		pods, err := strconv.Atoi(text)
		if err != nil || pods < 1 || pods > 250 {
			t.Fatalf("BULKHEAD_IDLE has %q: want numbers from 1 to 250, like 10,110", text)
		}
		t.Run(text, func(t *testing.T) { measureIdle(t, pods) })
	}
}

// idleFor is the time over which CPU is counted: long against the liveness interval.
func idleFor(t *testing.T) time.Duration {
	text := os.Getenv("BULKHEAD_IDLE_FOR")
	if text == "" {
		return 20 * time.Second
	}
	d, err := time.ParseDuration(text)
	if err != nil {
		t.Fatal(err)
	}
	return d
}

func measureIdle(t *testing.T, pods int) {
	n, idle := startIdleNode(t, pods), idleFor(t)
	spaces := make([]*netns.Namespace, pods)
	for i := range spaces {
		ns, err := netns.New()
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() { ns.Close() })
		spaces[i] = ns
	}
	begin := time.Now()
	if err := n.cmd.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { n.stop(t) })
	n.ready(t)
	var all sync.WaitGroup
	for i, ns := range spaces {
		all.Go(func() { n.addPod(t, idleUID(i), ns) })
	}
	all.Wait()
	ready := time.Since(begin)
	var cells []int
	for _, c := range n.cells(t) {
		cells = append(cells, c.PID)
	}
	node := []int{n.cmd.Process.Pid, n.keeperPID(t)}
	time.Sleep(5 * time.Second) // what the start left to do is done then
	cellCPU, nodeCPU := cpuTime(t, cells), cpuTime(t, node)
	time.Sleep(idle) // it is what is measured
	cellCPU, nodeCPU = cpuTime(t, cells)-cellCPU, cpuTime(t, node)-nodeCPU
	m, threads := memory(t, cells)
	t.Logf("pods %d ready %.2fs cells: PSS %d KiB private %d KiB RSS %d KiB threads %d CPU %.2f %%; anchor+keeper CPU %.2f %%",
		pods, ready.Seconds(), m["Pss"], m["Private_Clean"]+m["Private_Dirty"], m["Rss"], threads,
		100*cellCPU.Seconds()/idle.Seconds(), 100*nodeCPU.Seconds()/idle.Seconds())
}

func idleUID(i int) string { return fmt.Sprintf("a/p%d", i) }

// startIdleNode prepares all but starts nothing, so that the start can be timed.
func startIdleNode(t *testing.T, pods int) *node {
	t.Helper()
	bin := os.Getenv("BULKHEAD_IDLE_BIN")
	if bin == "" {
		var err error
		if bin, err = executables(); err != nil {
			t.Fatal(err)
		}
	}
	n := &node{dir: t.TempDir(), stderr: &lockedBuffer{}}
	mesh := "trustDomain: cluster.local\nworkloads:\n"
	var ids []identity.ID
	for i := range pods {
		name := strings.TrimPrefix(idleUID(i), "a/")
		id, err := identity.New("cluster.local", "a", name)
		if err != nil {
			t.Fatal(err)
		}
		ids = append(ids, id)
		mesh += fmt.Sprintf("- {uid: %s, name: %s, namespace: a, serviceAccount: %s, node: n, addresses: [10.1.0.%d], protocol: HBONE}\n", idleUID(i), name, name, i+1)
	}
	n.serveCA(t, ids)
	n.write(t, "mesh.yaml", mesh)
	n.write(t, "node.yaml", fmt.Sprintf("node: n\nisolation: workload\nmesh: %[1]s/mesh.yaml\nca: {socket: %[1]s/ca.sock, token: %[1]s/token}\nadmin: %[1]s/admin.sock\ndrain: 1s\n%[2]s\n", n.dir, os.Getenv("BULKHEAD_IDLE_CONFIG")))
	n.cmd = exec.Command(filepath.Join(bin, "bulkhead-node"), "--config", filepath.Join(n.dir, "node.yaml"))
	n.cmd.Stderr, n.cmd.Stdout = n.stderr, n.stderr
	n.admin = &http.Client{Transport: &http.Transport{DisableKeepAlives: true, DialContext: func(ctx context.Context, _, _ string) (net.Conn, error) {
		return (&net.Dialer{}).DialContext(ctx, "unix", filepath.Join(n.dir, "admin.sock"))
	}}, Timeout: patience}
	return n
}

// serveCA serves a CA that signs for these identities on the node's socket.
func (n *node) serveCA(t *testing.T, ids []identity.ID) {
	t.Helper()
	n.serveCAThatTells(t, ids, nil)
}

// serveCAThatTells is serveCA; issued is told of every SVID.
func (n *node) serveCAThatTells(t *testing.T, ids []identity.ID, issued func(ca.Issued) error) {
	t.Helper()
	authority, err := ca.New(ca.Options{TrustDomain: "cluster.local", Issued: issued})
	if err != nil {
		t.Fatal(err)
	}
	n.authority = authority
	tokens, err := bearer.NewTokens([]bearer.Grant{{Token: "node-token-0123456789", Identities: ids}})
	if err != nil {
		t.Fatal(err)
	}
	n.write(t, "token", "node-token-0123456789")
	l, err := net.Listen("unix", filepath.Join(n.dir, "ca.sock"))
	if err != nil {
		t.Fatal(err)
	}
	server := grpc.NewServer(append(tokens.ServerOptions(), grpc.WaitForHandlers(true))...)
	security.RegisterIstioCertificateServiceServer(server, authority.Service(granted))
	done := make(chan error, 1)
	go func() { done <- server.Serve(l) }()
	t.Cleanup(func() { server.Stop(); <-done })
}

// granted lets a caller have the identities of its token.
func granted(ctx context.Context, id identity.ID, _ bool) error {
	if caller, ok := bearer.CallerOf(ctx); !ok || !caller.Owns(id) {
		return status.Errorf(codes.PermissionDenied, "the token is not good for %s", id)
	}
	return nil
}

// clockTick is USER_HZ, 100 on every Linux that Go runs on.
const clockTick = 10 * time.Millisecond

func cpuTime(t *testing.T, pids []int) (sum time.Duration) {
	t.Helper()
	for _, pid := range pids {
		b, err := os.ReadFile(fmt.Sprintf("/proc/%d/stat", pid))
		if err != nil {
			t.Fatal(err)
		}
		f := strings.Fields(string(b[bytes.LastIndexByte(b, ')')+1:])) // from field 3 on
		for _, ticks := range f[11:13] {                               // utime, stime
			v, err := strconv.Atoi(ticks)
			if err != nil {
				t.Fatal(err)
			}
			sum += time.Duration(v) * clockTick
		}
	}
	return sum
}

// memory sums the lines of smaps_rollup and those of status that are sizes, in KiB, and the threads.
func memory(t *testing.T, pids []int) (kib map[string]int, threads int) {
	t.Helper()
	kib = map[string]int{}
	for _, pid := range pids {
		for _, file := range []string{"smaps_rollup", "status"} {
			addSizes(t, fmt.Sprintf("/proc/%d/%s", pid, file), kib)
		}
		tasks, err := os.ReadDir(fmt.Sprintf("/proc/%d/task", pid))
		if err != nil {
			t.Fatal(err)
		}
		threads += len(tasks)
	}
	return kib, threads
}

func addSizes(t *testing.T, path string, kib map[string]int) {
	t.Helper()
	b, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	for line := range strings.Lines(string(b)) {
		name, rest, _ := strings.Cut(line, ":")
		text, isSize := strings.CutSuffix(strings.TrimSpace(rest), " kB")
		if v, err := strconv.Atoi(strings.TrimSpace(text)); err == nil && isSize {
			kib[name] += v
		}
	}
}

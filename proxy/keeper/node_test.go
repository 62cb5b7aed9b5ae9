package keeper

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/netip"
	"net/url"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"github.com/bulkhead-mesh/bulkhead/identity"
	"github.com/bulkhead-mesh/bulkhead/identity/ca"
	"github.com/bulkhead-mesh/bulkhead/redirect"
	"github.com/bulkhead-mesh/bulkhead/redirect/netns"
	"github.com/bulkhead-mesh/bulkhead/redirect/netns/sandbox"
	"github.com/bulkhead-mesh/bulkhead/redirect/rules"
)

const patience = 30 * time.Second // only a hang reaches it

// node is a real bulkhead-node with real cells, for two pods in namespaces of the
// test. Both pods are on the one node.
type node struct {
	*sandbox.Pair
	dir       string
	admin     *http.Client
	cmd       *exec.Cmd
	stderr    *lockedBuffer
	killed    bool   // by the test; nothing is left to stop
	authority *ca.CA // of startCA
	away      *away  // of startNodeWithShortSVIDs
	quic      bool   // see eachTransport
	met       int    // connections that were made to see them go over QUIC
	held      []*net.TCPConn
}

type lockedBuffer struct {
	mu sync.Mutex
	b  bytes.Buffer
}

func (l *lockedBuffer) Write(p []byte) (int, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.b.Write(p)
}

func (l *lockedBuffer) String() string {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.b.String()
}

// built is where the executables are, once a test has needed them.
var built string

// executables builds the real ones, once.
var executables = sync.OnceValues(func() (string, error) {
	dir, err := os.MkdirTemp("", "bulkhead-bin-")
	if err != nil {
		return "", err
	}
	built = dir
	if err := os.Chmod(dir, 0o755); err != nil {
		return "", err
	}
	return dir, build(dir, "../../cmd/bulkhead-node", "../../cmd/bulkhead-cell", "../../cmd/bulkhead-sidecar")
})

// build makes executables in a directory.
func build(dir string, packages ...string) error {
	c := exec.Command("go", append([]string{"build", "-o", dir + "/"}, packages...)...)
	c.Env = append(os.Environ(), "CGO_ENABLED=0")
	if out, err := c.CombinedOutput(); err != nil {
		return fmt.Errorf("%w: %s", err, out)
	}
	return nil
}

func startNode(t *testing.T, extra string, flags ...string) *node {
	t.Helper()
	bin, err := executables()
	if err != nil {
		t.Fatal(err)
	}
	return startNodeFrom(t, bin, extra, flags...)
}

// startNodeFrom is startNode with executables that the test may replace.
func startNodeFrom(t *testing.T, bin, extra string, flags ...string) *node {
	t.Helper()
	n := &node{Pair: sandbox.NewPair(t), dir: t.TempDir(), stderr: &lockedBuffer{}}
	n.startCA(t)
	n.write(t, "mesh.yaml", n.meshFile())
	if !strings.Contains(extra, "drain: ") {
		extra = "drain: 1s\n" + extra
	}
	n.write(t, "node.yaml", fmt.Sprintf("node: n\nmesh: %[1]s/mesh.yaml\nca: {socket: %[1]s/ca.sock, token: %[1]s/token}\nadmin: %[1]s/admin.sock\nrestart: {initial: 100ms}\n%[2]s", n.dir, extra))
	n.launch(t, bin, flags...)
	n.addPod(t, "a/client", n.A)
	n.addPod(t, "a/server", n.B)
	return n
}

// meshFile is that of the two pods; a line that is appended is another workload.
func (n *node) meshFile() string {
	return fmt.Sprintf(`
trustDomain: cluster.local
workloads:
- {uid: a/client, name: client, namespace: a, serviceAccount: client, node: n, addresses: [%s, "%s"], protocol: HBONE}
- {uid: a/server, name: server, namespace: a, serviceAccount: server, node: n, addresses: [%s, "%s"], protocol: HBONE}
`, n.A4, n.A6, n.B4, n.B6)
}

// launch starts the node by its file, and returns when it is ready. It ends with the test.
func (n *node) launch(t *testing.T, bin string, flags ...string) {
	t.Helper()
	n.cmd = exec.Command(filepath.Join(bin, "bulkhead-node"), append([]string{"--config", filepath.Join(n.dir, "node.yaml")}, flags...)...)
	n.cmd.Stderr, n.cmd.Stdout = n.stderr, n.stderr
	if err := n.cmd.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { n.stop(t) })
	transport := &http.Transport{DisableKeepAlives: true, DialContext: func(ctx context.Context, _, _ string) (net.Conn, error) {
		return (&net.Dialer{}).DialContext(ctx, "unix", filepath.Join(n.dir, "admin.sock"))
	}}
	n.admin = &http.Client{Transport: transport, Timeout: patience}
	n.ready(t)
}

// ready waits until a keeper answers that it is.
func (n *node) ready(t *testing.T) {
	t.Helper()
	eventually(t, "the node is ready", func() error {
		resp, err := n.admin.Get("http://node/ready")
		if err != nil {
			return err
		}
		resp.Body.Close()
		if resp.StatusCode != 200 {
			return errors.New(resp.Status)
		}
		return nil
	})
}

func (n *node) write(t *testing.T, name, text string) {
	t.Helper()
	if err := os.WriteFile(filepath.Join(n.dir, name), []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
}

// startCA serves the CA of the two pods.
func (n *node) startCA(t *testing.T) {
	t.Helper()
	var ids []identity.ID
	for _, sa := range []string{"client", "server"} {
		id, err := identity.New("cluster.local", "a", sa)
		if err != nil {
			t.Fatal(err)
		}
		ids = append(ids, id)
	}
	n.serveCA(t, ids)
}

// stop ends the node as a service manager would, and fails if a process is left.
func (n *node) stop(t *testing.T) {
	if n.killed {
		_, _ = n.cmd.Process.Wait()
		t.Logf("log:\n%s", n.stderr)
		return
	}
	var pids []int
	for _, c := range n.cells(t) {
		pids = append(pids, c.PID)
	}
	_ = n.cmd.Process.Signal(syscall.SIGTERM)
	ended := make(chan error, 1)
	go func() { ended <- n.cmd.Wait() }()
	select {
	case err := <-ended:
		if err != nil {
			t.Errorf("bulkhead-node ended with %v", err)
		}
	case <-time.After(patience):
		_ = n.cmd.Process.Kill()
		t.Errorf("bulkhead-node did not end: %v", <-ended)
	}
	for _, pid := range pids {
		if pid > 0 && syscall.Kill(pid, 0) == nil {
			t.Errorf("cell %d outlived its node", pid)
		}
	}
	if t.Failed() {
		t.Logf("log of the node:\n%s", n.stderr)
	}
}

func eventually(t *testing.T, what string, check func() error) {
	t.Helper()
	within(t, patience, what, check)
}

func within(t *testing.T, limit time.Duration, what string, check func() error) {
	t.Helper()
	deadline := time.Now().Add(limit)
	var err error
	for time.Now().Before(deadline) {
		if err = check(); err == nil {
			return
		}
		time.Sleep(10 * time.Millisecond)
	}
	t.Fatalf("not within %v: %s: %v", limit, what, err)
}

func (n *node) call(t *testing.T, method, path string, body, into any) error {
	t.Helper()
	b, err := json.Marshal(body)
	if err != nil {
		t.Fatal(err)
	}
	r, err := http.NewRequestWithContext(t.Context(), method, "http://node"+path, bytes.NewReader(b))
	if err != nil {
		t.Fatal(err)
	}
	resp, err := n.admin.Do(r.WithContext(context.Background()))
	if err != nil {
		return err
	}
	defer resp.Body.Close()
	text, err := io.ReadAll(resp.Body)
	if err != nil {
		return err
	}
	if resp.StatusCode != 200 {
		return fmt.Errorf("%s: %s", resp.Status, text)
	}
	if into != nil {
		return json.Unmarshal(text, into)
	}
	return nil
}

func (n *node) addPod(t *testing.T, uid string, ns *netns.Namespace) {
	t.Helper()
	namespace, name, _ := strings.Cut(uid, "/")
	path := fmt.Sprintf("/proc/%d/fd/%d", os.Getpid(), ns.File().Fd())
	body := map[string]string{"uid": uid, "name": name, "namespace": namespace, "serviceAccount": name, "netns": path}
	if err := n.call(t, "POST", "/pods", body, nil); err != nil {
		t.Errorf("add %s: %v", uid, err)
	}
}

func (n *node) cells(t *testing.T) []CellStatus {
	var cells []CellStatus
	if err := n.call(t, "GET", "/cells", nil, &cells); err != nil {
		t.Errorf("cells: %v", err)
	}
	return cells
}

// cellOf is the cell that serves a workload and is up.
func (n *node) cellOf(t *testing.T, uid string) CellStatus {
	t.Helper()
	var found CellStatus
	eventually(t, "a cell serves "+uid, func() error {
		for _, c := range n.cells(t) {
			if slices.Contains(c.Workloads, uid) && c.State == "up" && c.PID > 0 {
				found = c
				return nil
			}
		}
		return errors.New("none does")
	})
	return found
}

// echo is the application of the server pod.
func (n *node) echo(t *testing.T) {
	t.Helper()
	l, err := n.B.Listen(netns.ListenOptions{Port: 8080})
	if err != nil {
		t.Fatal(err)
	}
	var open sync.WaitGroup
	open.Go(func() {
		for {
			c, err := l.AcceptTCP()
			if err != nil {
				return
			}
			open.Go(func() { defer c.Close(); _, _ = io.Copy(struct{ io.Writer }{c}, c) }) // no splice: its pipes look like a leak
		}
	})
	t.Cleanup(func() { l.Close(); open.Wait() })
}

func (n *node) dial() (*net.TCPConn, error) { return n.dialTo(netip.AddrPortFrom(n.B4, 8080)) }

func (n *node) dialTo(to netip.AddrPort) (*net.TCPConn, error) {
	ctx, cancel := context.WithTimeout(context.Background(), patience)
	defer cancel()
	c, err := n.A.Dial(ctx, netns.DialOptions{Remote: to})
	if err == nil {
		err = c.SetDeadline(time.Now().Add(patience))
	}
	return c, err
}

// say sends a word and wants it back.
func say(c net.Conn, word string) error {
	if _, err := io.WriteString(c, word); err != nil {
		return err
	}
	b := make([]byte, len(word))
	if _, err := io.ReadFull(c, b); err != nil {
		return err
	}
	if string(b) != word {
		return fmt.Errorf("said %q, heard %q", word, b)
	}
	return nil
}

func (n *node) roundTrip() error {
	c, err := n.dial()
	if err != nil {
		return err
	}
	defer c.Close()
	return say(c, "hello")
}

var isolations = []string{"shared", "namespace", "service-account", "workload"}

// Conformance 82: two pods talk as soon as they are added.
// Conformance 102: in every isolation, and nothing of it in plaintext.
func TestPodsTalkInEveryIsolation(t *testing.T) {
	for _, isolation := range isolations {
		t.Run(isolation, func(t *testing.T) {
			n := startNode(t, "isolation: "+isolation+"\n"+quicOn)
			n.echo(t)
			wire := sandbox.NewSniffer(t, n.B)
			talk := func(t *testing.T) {
				before := wire.Packets()
				n.hold(t)
				n.wantCarried(t)
				if wire.Packets() == before || wire.Seen([]byte("hello")) != 0 {
					t.Errorf("%d packets, %d in plaintext", wire.Packets()-before, wire.Seen([]byte("hello")))
				}
			}
			t.Run("http2", talk) // the first connection to a peer
			n.quic = true
			t.Run("quic", func(t *testing.T) { n.meet(t); talk(t) })
			want := map[string]int{"shared": 1, "namespace": 1, "service-account": 2, "workload": 2}[isolation]
			if got := len(n.cells(t)); got != want {
				t.Errorf("%d cells, want %d", got, want)
			}
		})
	}
}

// Custody: while the cell is away connections wait, and are served.
func TestACrashedCellIsWaitedFor(t *testing.T) {
	for _, isolation := range []string{"shared", "workload"} {
		t.Run(isolation, func(t *testing.T) {
			n := startNode(t, "isolation: "+isolation)
			n.echo(t)
			if err := n.roundTrip(); err != nil {
				t.Fatal(err)
			}
			for range 3 {
				before := n.cellOf(t, "a/server")
				if err := syscall.Kill(before.PID, syscall.SIGKILL); err != nil {
					t.Fatal(err)
				}
				if err := n.roundTrip(); err != nil {
					t.Errorf("right after the crash: %v", err)
				}
				after := n.cellOf(t, "a/server")
				if after.PID == before.PID || after.Restarts != before.Restarts+1 {
					t.Errorf("before %+v, after %+v", before, after)
				}
			}
		})
	}
}

// Without custody the same crash refuses connections, as ztunnel's does.
func TestWithoutCustodyACrashRefuses(t *testing.T) {
	eachTransport(t, "isolation: shared\ncustody: cell", func(t *testing.T, n *node) {
		n.hold(t)
		n.wantCarried(t) // who is killed writes no more records
		if err := syscall.Kill(n.cellOf(t, "a/server").PID, syscall.SIGKILL); err != nil {
			t.Fatal(err)
		}
		refused := false
		eventually(t, "the pods talk again", func() error {
			err := n.roundTrip()
			refused = refused || errors.Is(err, syscall.ECONNREFUSED)
			return err
		})
		if !refused {
			t.Error("no connection was refused: the cell was not away")
		}
		n.meet(t)
		n.hold(t)
	})
}

// Liveness: a cell that hangs is killed and replaced.
func TestAHungCellIsReplaced(t *testing.T) {
	n := startNode(t, "isolation: shared\nliveness: {interval: 200ms, misses: 2}\n")
	n.echo(t)
	before := n.cellOf(t, "a/server")
	halt(t, before.PID)
	if err := n.roundTrip(); err != nil {
		t.Errorf("while the cell hung: %v", err)
	}
	if after := n.cellOf(t, "a/server"); after.PID == before.PID {
		t.Error("the hung cell still serves")
	}
}

// halt has a process stand still, and returns when it does.
func halt(t *testing.T, pid int) {
	t.Helper()
	if err := syscall.Kill(pid, syscall.SIGSTOP); err != nil {
		t.Fatal(err)
	}
	eventually(t, "the process stands still", func() error { return stopped(pid) })
}

// stopped is nil when every thread of a process has stopped: until then one may
// still accept a connection, which would die with it. A process that has been
// replaced already is fine too.
func stopped(pid int) error {
	stats, err := filepath.Glob(fmt.Sprintf("/proc/%d/task/*/stat", pid))
	if err != nil {
		return err
	}
	for _, path := range stats {
		b, err := os.ReadFile(path)
		if err != nil {
			continue // ended
		}
		_, rest, _ := strings.Cut(string(b), ") ")
		if !strings.HasPrefix(rest, "T") {
			return fmt.Errorf("%s: %.1s", path, rest)
		}
	}
	return nil
}

// I5: a keeper's crash takes nothing from flows; the next keeper goes on.
func TestAKeeperCrashIsNotNoticed(t *testing.T) {
	for _, isolation := range []string{"shared", "workload"} {
		t.Run(isolation, func(t *testing.T) {
			n := startNode(t, "isolation: "+isolation)
			n.echo(t)
			c, err := n.dial()
			if err != nil {
				t.Fatal(err)
			}
			defer c.Close()
			if err := say(c, "before"); err != nil {
				t.Fatal(err)
			}
			cells := n.cells(t)
			keeper := n.keeperPID(t)
			if err := syscall.Kill(keeper, syscall.SIGKILL); err != nil {
				t.Fatal(err)
			}
			if err := say(c, "while it is away"); err != nil {
				t.Errorf("open connection: %v", err)
			}
			if err := n.roundTrip(); err != nil {
				t.Errorf("new connection: %v", err)
			}
			n.ready(t)
			for _, old := range cells {
				if now := n.cellOf(t, old.Workloads[0]); now.PID != old.PID {
					t.Errorf("cell %s was replaced: pid %d, now %d", old.Name, old.PID, now.PID)
				}
			}
			// The new keeper keeps: a cell that dies now comes back.
			if err := syscall.Kill(n.cellOf(t, "a/server").PID, syscall.SIGKILL); err != nil {
				t.Fatal(err)
			}
			if err := n.roundTrip(); err != nil {
				t.Errorf("after a crash under the new keeper: %v", err)
			}
		})
	}
}

// keeperPID finds the anchor's child that is the keeper.
func (n *node) keeperPID(t *testing.T) int {
	t.Helper()
	entries, err := os.ReadDir("/proc")
	if err != nil {
		t.Fatal(err)
	}
	for _, e := range entries {
		var pid int
		if _, err := fmt.Sscan(e.Name(), &pid); err != nil {
			continue
		}
		line, _ := os.ReadFile("/proc/" + e.Name() + "/cmdline")
		if bytes.Contains(line, []byte("\x00keeper\x00")) && bytes.Contains(line, []byte(n.dir)) {
			return pid
		}
	}
	t.Fatal("no keeper")
	return 0
}

// I7: removal leaves nothing in the pod, and no cell without a pod.
func TestRemovalLeavesNothing(t *testing.T) {
	n := startNode(t, "isolation: workload")
	n.echo(t)
	if err := n.roundTrip(); err != nil {
		t.Fatal(err)
	}
	cell := n.cellOf(t, "a/client")
	if err := n.call(t, "DELETE", "/pods?uid="+url.QueryEscape("a/client"), nil, nil); err != nil {
		t.Fatal(err)
	}
	if err := rules.Verify(n.A, rules.Plan{Ports: redirect.NodePorts}); err == nil {
		t.Error("capture is still installed")
	}
	eventually(t, "the cell ends", func() error {
		if err := syscall.Kill(cell.PID, 0); !errors.Is(err, unix.ESRCH) {
			return fmt.Errorf("pid %d: %v", cell.PID, err)
		}
		return nil
	})
	if err := n.roundTrip(); err != nil { // plaintext now, as was asked for
		t.Errorf("after removal: %v", err)
	}
	if err := n.call(t, "DELETE", "/pods?uid=nobody", nil, nil); err == nil || !strings.Contains(err.Error(), "a/server") {
		t.Errorf("unknown pod: %v; want a sentence that lists the pods", err)
	}
	n.addPod(t, "a/client", n.A) // and back
	if err := n.roundTrip(); err != nil {
		t.Errorf("after adding it again: %v", err)
	}
}

// counts is nil when a line is in the node's metrics.
func (n *node) counts(want string) error {
	resp, err := n.admin.Get("http://node/metrics")
	if err != nil {
		return err
	}
	defer resp.Body.Close()
	b, err := io.ReadAll(resp.Body)
	if err != nil || !strings.Contains(string(b), want) {
		return fmt.Errorf("%w: no %s in\n%s", err, want, b)
	}
	return nil
}

func TestMetricsOutliveTheCell(t *testing.T) {
	n := startNode(t, "isolation: shared\nliveness: {interval: 100ms, misses: 50}\n")
	n.echo(t)
	if err := n.roundTrip(); err != nil {
		t.Fatal(err)
	}
	const want = `bulkhead_connections_closed_total{cell="shared",workload="a/client"} 1`
	metrics := func() error { return n.counts(want) }
	eventually(t, "the connection is counted", metrics)
	before := n.cellOf(t, "a/client")
	if err := syscall.Kill(before.PID, syscall.SIGKILL); err != nil {
		t.Fatal(err)
	}
	eventually(t, "another process serves", func() error {
		if now := n.cellOf(t, "a/client"); now.PID == before.PID {
			return errors.New("the old one still does")
		}
		return nil
	})
	if err := metrics(); err != nil {
		t.Error(err)
	}
}

// A keeper and cells whose anchor is gone end too: whoever starts the node's proxy
// again must find nothing of it running.
func TestNothingOutlivesTheAnchor(t *testing.T) {
	n := startNode(t, "isolation: workload")
	pids := []int{n.keeperPID(t)}
	for _, c := range n.cells(t) {
		pids = append(pids, c.PID)
	}
	n.killed = true
	if err := n.cmd.Process.Kill(); err != nil {
		t.Fatal(err)
	}
	for _, pid := range pids {
		eventually(t, fmt.Sprintf("process %d ends", pid), func() error {
			state, err := os.ReadFile(fmt.Sprintf("/proc/%d/stat", pid))
			if err == nil && !bytes.Contains(state, []byte(") Z ")) {
				return errors.New(string(state))
			}
			return nil
		})
	}
}

// I1 and I2: without an anchor nobody listens, and the rules stay: connections are
// refused, not let past, whether policy allows them or not.
func TestWithoutAnAnchorNothingPasses(t *testing.T) {
	n := startNode(t, "isolation: workload")
	n.echo(t)
	reached := n.forbid(t)
	wire := sandbox.NewSniffer(t, n.B)
	if err := n.roundTrip(); err != nil {
		t.Fatal(err)
	}
	n.killed = true
	if err := n.cmd.Process.Kill(); err != nil {
		t.Fatal(err)
	}
	eventually(t, "nobody listens any more", func() error {
		c, err := n.dial()
		if errors.Is(err, syscall.ECONNREFUSED) {
			return nil
		}
		if err == nil {
			_ = say(c, "hello") // its cell is about to end
			c.Close()
		}
		return fmt.Errorf("dialled with %v", err)
	})
	for range 10 {
		if c, err := n.dial(); !errors.Is(err, syscall.ECONNREFUSED) {
			t.Errorf("dialled with %v", err)
			c.Close()
		}
		if err := n.tryForbidden(t); err != nil {
			t.Error(err)
		}
	}
	if reached.Load() != 0 || wire.Seen([]byte("hello")) != 0 {
		t.Errorf("denied flows admitted: %d; plaintext in %d packets", reached.Load(), wire.Seen([]byte("hello")))
	}
}

// Adding a pod many times at once is adding it once.
// Conformance 83: five times at once.
func TestAddingAPodTwiceIsAddingItOnce(t *testing.T) {
	eachTransport(t, "isolation: shared", func(t *testing.T, n *node) {
		if err := n.call(t, "DELETE", "/pods?uid="+url.QueryEscape("a/server"), nil, nil); err != nil {
			t.Fatal(err)
		}
		var all sync.WaitGroup
		for range 5 {
			all.Go(func() { n.addPod(t, "a/server", n.B) })
		}
		all.Wait()
		n.meet(t)
		n.hold(t)
	})
}

// A pod that was made anew under its old name is served in its new namespace.
// Conformance 84: the new namespace is captured and the old is let go.
func TestAPodMadeAnewReplacesTheOld(t *testing.T) {
	n := startNode(t, "isolation: workload")
	fresh, err := netns.New()
	if err != nil {
		t.Fatal(err)
	}
	defer fresh.Close()
	n.addPod(t, "a/server", fresh)
	if err := rules.Verify(fresh, rules.Plan{Ports: redirect.NodePorts}); err != nil {
		t.Errorf("the new namespace: %v", err)
	}
	if err := rules.Verify(n.B, rules.Plan{Ports: redirect.NodePorts}); err == nil {
		t.Error("the old namespace is still captured")
	}
	if c := n.cellOf(t, "a/server"); c.State != "up" {
		t.Errorf("its cell is %+v", c)
	}
}

package keeper

import (
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/netip"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"sync/atomic"
	"syscall"
	"testing"

	"github.com/bulkhead-mesh/bulkhead/redirect"
	"github.com/bulkhead-mesh/bulkhead/redirect/netns"
)

// ownExecutables are copies that a test may move and replace.
func ownExecutables(t *testing.T) string {
	t.Helper()
	bin, err := executables()
	if err != nil {
		t.Fatal(err)
	}
	dir := t.TempDir()
	for _, name := range []string{"bulkhead-node", "bulkhead-cell"} {
		replaceWithCopy(t, filepath.Join(bin, name), filepath.Join(dir, name))
	}
	for d := dir; d != "/" && d != os.TempDir(); d = filepath.Dir(d) { // cells have other uids
		if err := os.Chmod(d, 0o755); err != nil {
			t.Fatal(err)
		}
	}
	return dir
}

// replaceWithCopy puts a new file at a path, as an installer does.
func replaceWithCopy(t *testing.T, from, to string) {
	t.Helper()
	b, err := os.ReadFile(from)
	if err == nil {
		err = os.WriteFile(to+".new", b, 0o755)
	}
	if err == nil {
		err = os.Rename(to+".new", to)
	}
	if err != nil {
		t.Fatal(err)
	}
}

// forbid denies port 8081 of the server, and returns how often its application was
// reached there all the same. It returns when the policy is in force.
func (n *node) forbid(t *testing.T) *atomic.Int64 {
	t.Helper()
	b, err := os.ReadFile(filepath.Join(n.dir, "mesh.yaml"))
	if err != nil {
		t.Fatal(err)
	}
	n.write(t, "mesh.yaml", string(b)+`
policies:
- {name: no-8081, namespace: a, scope: workload, workloads: [a/server], action: DENY, rules: [{ports: [8081]}]}
`)
	l, err := n.B.Listen(netns.ListenOptions{Port: 8081})
	if err != nil {
		t.Fatal(err)
	}
	var reached atomic.Int64
	var accepting sync.WaitGroup
	accepting.Go(func() {
		for {
			c, err := l.AcceptTCP()
			if err != nil {
				return
			}
			reached.Add(1)
			c.Close()
		}
	})
	t.Cleanup(func() { l.Close(); accepting.Wait() })
	eventually(t, "the policy is in force", func() error {
		before := reached.Load()
		if err := n.tryForbidden(t); err != nil {
			return err
		}
		if reached.Load() != before {
			return errors.New("the application was reached")
		}
		return nil
	})
	// One that the policy has cut may still wait to be accepted. Behind it comes one of the pod to itself.
	c, err := n.B.Dial(t.Context(), netns.DialOptions{Remote: netip.AddrPortFrom(n.B4, 8081), Mark: redirect.MarkProxy})
	if err != nil {
		t.Fatal(err)
	}
	defer c.Close()
	if _, err := c.Read(make([]byte, 1)); err != io.EOF {
		t.Fatalf("the application's own connection: %v", err)
	}
	reached.Store(0)
	return &reached
}

// tryForbidden connects to the forbidden port and wants no answer.
func (n *node) tryForbidden(t *testing.T) error {
	t.Helper()
	c, err := n.dialTo(netip.AddrPortFrom(n.B4, 8081))
	if err != nil {
		return nil
	}
	defer c.Close()
	if n, err := c.Read(make([]byte, 1)); err == nil || n > 0 {
		return errors.New("it answered")
	}
	return nil
}

// I2 and I5: while the keeper is away, and there is none for as long as its file is
// missing, what was allowed works and what was denied is denied.
func TestPolicyHoldsWhileTheKeeperIsAway(t *testing.T) {
	for _, isolation := range []string{"shared", "workload"} {
		t.Run(isolation, func(t *testing.T) {
			bin := ownExecutables(t)
			eachTransportFrom(t, startFrom(bin, isolation), func(t *testing.T, n *node) {
				reached := n.forbid(t)
				n.hold(t)
				cells := n.cells(t)
				n.withoutKeeper(t, bin, func() {
					for range 10 {
						if err := n.roundTrip(); err != nil {
							t.Errorf("allowed: %v", err)
						}
						if err := n.tryForbidden(t); err != nil {
							t.Errorf("denied: %v", err)
						}
					}
					n.hold(t)
				})
				n.sameCells(t, cells)
				if err := n.tryForbidden(t); err != nil {
					t.Errorf("denied, new keeper: %v", err)
				}
				if got := reached.Load(); got != 0 {
					t.Errorf("a denied flow was admitted %d times", got)
				}
			})
		})
	}
}

// startFrom starts nodes with executables that the test may replace, for eachTransportFrom.
func startFrom(bin, isolation string) func(t *testing.T, more string) *node {
	return func(t *testing.T, more string) *node { return startNodeFrom(t, bin, "isolation: "+isolation+"\n"+more) }
}

// withoutKeeper calls do while there is no keeper, and returns when there is one again.
func (n *node) withoutKeeper(t *testing.T, bin string, do func()) {
	t.Helper()
	program := filepath.Join(bin, "bulkhead-node")
	if err := os.Rename(program, program+".away"); err != nil {
		t.Fatal(err)
	}
	if err := syscall.Kill(n.keeperPID(t), syscall.SIGKILL); err != nil {
		t.Fatal(err)
	}
	eventually(t, "the keeper is away", func() error {
		if !strings.Contains(n.stderr.String(), "keeper not started") {
			return errors.New("no failed start yet")
		}
		return nil
	})
	do()
	if err := os.Rename(program+".away", program); err != nil {
		t.Fatal(err)
	}
	n.ready(t)
}

// An upgrade is a new file at the keeper's path and POST /upgrade.
func TestUpgradeStartsWhatIsAtTheKeepersPath(t *testing.T) {
	bin := ownExecutables(t)
	eachTransportFrom(t, startFrom(bin, "workload"), func(t *testing.T, n *node) { n.upgrades(t, bin) })
}

func (n *node) upgrades(t *testing.T, bin string) {
	t.Helper()
	open := n.hold(t)
	cells := n.cells(t)
	program := filepath.Join(bin, "bulkhead-node")
	replaceWithCopy(t, program, program)
	var old struct{ PID int }
	if err := n.call(t, "POST", "/upgrade", nil, &old); err != nil {
		t.Fatal(err)
	}
	eventually(t, "the old keeper ends", func() error {
		if err := syscall.Kill(old.PID, 0); err == nil {
			return errors.New("it runs")
		}
		return nil
	})
	if err := say(open, "after"); err != nil {
		t.Errorf("open connection: %v", err)
	}
	n.hold(t)
	n.ready(t)
	n.sameCells(t, cells)
	runs, err := os.Stat(fmt.Sprintf("/proc/%d/exe", n.keeperPID(t)))
	if err != nil {
		t.Fatal(err)
	}
	installed, err := os.Stat(program)
	if err != nil {
		t.Fatal(err)
	}
	if !os.SameFile(runs, installed) {
		t.Error("the keeper is not what is installed")
	}
}

// otherVersion are the executables with another version of the channel's protocol.
var otherVersion = sync.OnceValues(func() (string, error) {
	source, err := filepath.Abs("../cell/message.go")
	if err != nil {
		return "", err
	}
	text, err := os.ReadFile(source)
	if err != nil {
		return "", err
	}
	dir, err := os.MkdirTemp("", "bulkhead-other-")
	if err != nil {
		return "", err
	}
	otherBuilt = dir
	other := strings.Replace(string(text), "const ProtocolVersion = ", "const ProtocolVersion = 1000 + ", 1)
	changed, overlay := filepath.Join(dir, "message.go"), filepath.Join(dir, "overlay.json")
	b, err := json.Marshal(map[string]any{"Replace": map[string]string{source: changed}})
	if err := errors.Join(err, os.Chmod(dir, 0o755), os.WriteFile(changed, []byte(other), 0o600), os.WriteFile(overlay, b, 0o600)); err != nil {
		return "", err
	}
	c := exec.Command("go", "build", "-overlay", overlay, "-o", dir+"/", "../../cmd/bulkhead-node", "../../cmd/bulkhead-cell")
	c.Env = append(os.Environ(), "CGO_ENABLED=0")
	if out, err := c.CombinedOutput(); err != nil {
		return "", fmt.Errorf("%w: %s", err, out)
	}
	return dir, nil
})

var otherBuilt string

// An upgrade to a build that cells of the old one do not understand refuses nothing:
// they serve until each has a successor, and open connections have the drain.
func TestUpgradeAcrossVersions(t *testing.T) {
	other, err := otherVersion()
	if err != nil {
		t.Fatal(err)
	}
	for _, isolation := range []string{"shared", "workload"} {
		t.Run(isolation, func(t *testing.T) {
			var bin string // of one node
			start := func(t *testing.T, more string) *node {
				bin = ownExecutables(t)
				return startFrom(bin, isolation)(t, more)
			}
			eachTransportFrom(t, start, func(t *testing.T, n *node) { n.upgradesAcross(t, other, bin) })
		})
	}
}

// upgradesAcross upgrades what is in bin to what is in other.
func (n *node) upgradesAcross(t *testing.T, other, bin string) {
	t.Helper()
	n.hold(t).Close() // the old cells know this destination: they cannot ask for it any more
	before := n.cells(t)
	for _, name := range []string{"bulkhead-node", "bulkhead-cell"} {
		replaceWithCopy(t, filepath.Join(other, name), filepath.Join(bin, name))
	}
	stop := n.hammer(t)
	n.run(t, "upgrade")
	for _, old := range before {
		eventually(t, "the old process of "+old.Name+" ends", func() error {
			if err := syscall.Kill(old.PID, 0); !errors.Is(err, syscall.ESRCH) {
				return fmt.Errorf("pid %d: %v", old.PID, err)
			}
			return nil
		})
		if now := n.cellOf(t, old.Workloads[0]); now.PID == old.PID || now.Restarts != 0 {
			t.Errorf("before %+v, now %+v", old, now)
		}
	}
	stop()
	n.meet(t)
	n.hold(t)
}

// sameCells wants every cell's process to be the one that it was.
func (n *node) sameCells(t *testing.T, cells []CellStatus) {
	t.Helper()
	for _, old := range cells {
		if now := n.cellOf(t, old.Workloads[0]); now.PID != old.PID {
			t.Errorf("cell %s was replaced: pid %d, now %d", old.Name, old.PID, now.PID)
		}
	}
}

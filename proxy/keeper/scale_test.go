package keeper

import (
	"crypto/sha256"
	"fmt"
	"net/netip"
	"os"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"
)

// TestScale has a real `bulkhead control` serve a mesh to a real node: its first sync, pushes, and what flows through its cells feel
// meanwhile. It judges that every push arrives and that no connection fails, and prints what
// docs/discovery.md has: sizes and times belong to a machine. BULKHEAD_SCALE says how many workloads, like 10000,30000,100000;
// without it there are 200.
func TestScale(t *testing.T) {
	sizes := os.Getenv("BULKHEAD_SCALE")
	measured := int64(1000) // connections that quiet is made of
	if sizes == "" {
		sizes, measured = "200", 20
	}
	for text := range strings.SplitSeq(sizes, ",") {
		size, err := strconv.Atoi(text)
		if err != nil || size < 10 || size > mostWorkloads {
			t.Fatalf("BULKHEAD_SCALE has %q: want numbers from 10 to %d, like 10000,30000,100000", text, mostWorkloads)
		}
		t.Run(text, func(t *testing.T) { measureScale(t, size, measured) })
	}
}

// changedAtOnce is how many workloads are of another service account in the large push.
const changedAtOnce = 10_000

func measureScale(t *testing.T, size int, measured int64) {
	s := startScale(t, size)
	s.quiet(t, measured)
	for range 3 {
		s.push(t, 0)
	}
	s.push(t, min(changedAtOnce, size))
	s.memory(t, "after the pushes")
	dump, _ := s.dump(t)
	got := 0
	for _, w := range dump.Workloads {
		if w.ServiceAccount == changedAccount {
			got++
		}
	}
	if got != s.mesh.changed {
		t.Errorf("%d workloads are changed, want %d", got, s.mesh.changed)
	}
}

// scale is a node whose mesh comes from a control process.
type scale struct {
	*node
	mesh    *bigMesh
	control int // pid
	keeper  int
}

// startScale times what comes first: control reads its file, and then the node, which has its mesh from it, gets ready.
func startScale(t *testing.T, size int) *scale {
	n := newControlledNode(t)
	s := &scale{node: n, mesh: &bigMesh{node: n, size: size, written: map[string][sha256.Size]byte{}}}
	s.mesh.write(t)
	s.mesh.publish(t)
	if _, err := command(); err != nil { // built before the clock starts
		t.Fatal(err)
	}
	began := time.Now()
	s.control = n.startControl(t)
	t.Logf("%d workloads: control has read its file after %v, CPU %v", size, elapsed(began), cpuTime(t, []int{s.control}))
	bin, err := executables()
	if err != nil {
		t.Fatal(err)
	}
	spent := cpuTime(t, []int{s.control})
	began = time.Now()
	n.launch(t, bin)
	s.keeper = n.keeperPID(t)
	t.Logf("%d workloads: first sync, from the start of the node to ready: %v, CPU of control %v, of keeper %v",
		size, elapsed(began), cpuTime(t, []int{s.control})-spent, cpuTime(t, []int{s.keeper}))
	n.addPod(t, "a/client", n.A)
	n.addPod(t, "a/server", n.B)
	n.echo(t)
	if err := n.roundTrip(); err != nil {
		t.Fatal(err)
	}
	s.memory(t, "after the first sync")
	return s
}

func elapsed(began time.Time) time.Duration { return time.Since(began).Round(time.Millisecond) }

func (s *scale) memory(t *testing.T, when string) {
	t.Helper()
	of := func(pid int) string {
		m, _ := memory(t, []int{pid})
		return fmt.Sprintf("%d (most so far: %d)", m["Pss"], m["VmHWM"])
	}
	t.Logf("%d workloads: PSS %s, KiB: control %s, keeper %s, cell of the client %s, cell of the server %s", s.mesh.size, when,
		of(s.control), of(s.keeper), of(s.cellOf(t, "a/client").PID), of(s.cellOf(t, "a/server").PID))
}

// connectionsPerSecond are new ones, each for one word and its echo.
const connectionsPerSecond = 100

func (s *scale) quiet(t *testing.T, connections int64) {
	t.Helper()
	l := newLoad(t, s.node, connectionsPerSecond, 0)
	l.await(t, connections)
	t.Logf("%d workloads: quiet: %s", s.mesh.size, latency(t, l))
}

// push is timed from the moment that the last file is in its place until the keeper has its mesh, and until a connection gets through that
// could not before. So many workloads change besides.
func (s *scale) push(t *testing.T, changed int) {
	t.Helper()
	before, spent, kept := s.who(t).Mesh.Version, cpuTime(t, []int{s.control}), cpuTime(t, []int{s.keeper})
	s.mesh.pushes++
	s.mesh.changed = changed
	s.mesh.write(t)
	l := newLoad(t, s.node, connectionsPerSecond, 0)
	began := s.mesh.publish(t)
	within(t, scalePatience, "the push is in force", s.talks)
	inForce := elapsed(began)
	meant := latency(t, l)
	now := s.who(t).Mesh
	if now.Version == before {
		t.Errorf("the keeper has version %d, as before the push", now.Version)
	}
	t.Logf("%d workloads: push of a service and %d workloads: in the keeper after %v, in force after %v, CPU of control %v, of keeper %v; %s", s.mesh.size, changed,
		now.Since.Sub(began).Round(time.Millisecond), inForce, cpuTime(t, []int{s.control})-spent, cpuTime(t, []int{s.keeper})-kept, meant)
}

// talks is nil when the newest push is in force for the client.
func (s *scale) talks() error {
	c, err := s.dialTo(netip.AddrPortFrom(movingAddress, s.mesh.port()))
	if err != nil {
		return err
	}
	defer c.Close()
	return say(c, "hello")
}

// latency ends a load, of which nothing may have failed, and says how long its connections took.
func latency(t *testing.T, l *load) string {
	t.Helper()
	l.stop()
	if err := l.first.Load(); err != nil {
		t.Errorf("%v; %s", *err, l)
	}
	took := l.took
	if len(took) == 0 {
		return "no connection was answered"
	}
	slices.Sort(took)
	at := func(percent int) time.Duration { return took[(len(took)-1)*percent/100].Round(10 * time.Microsecond) }
	return fmt.Sprintf("%d connections, p50 %v, p99 %v, longest %v, %d not made in time", len(took), at(50), at(99), at(100), l.skipped.Load())
}

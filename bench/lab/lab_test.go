package lab

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"net/netip"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/bulkhead-mesh/bulkhead/bench/load"
	"github.com/bulkhead-mesh/bulkhead/proxy/admin"
	"github.com/bulkhead-mesh/bulkhead/redirect/netns"
)

// limit is how long a test waits for what must come: it fires on a hang only.
const limit = 60 * time.Second

// eventually waits for a condition.
func eventually(t *testing.T, what string, done func() bool) {
	t.Helper()
	for deadline := time.Now().Add(limit); !done(); {
		if time.Now().After(deadline) {
			t.Fatalf("not within %v: %s", limit, what)
		}
		time.Sleep(pollInterval)
	}
}

// nobodyElse checks that only init and this process are left in the lab.
func nobodyElse(t *testing.T) {
	t.Helper()
	eventually(t, "no other process in the lab", func() bool {
		entries, err := os.ReadDir("/proc")
		if err != nil {
			t.Fatal(err)
		}
		return !slices.ContainsFunc(entries, func(e os.DirEntry) bool {
			pid, err := strconv.Atoi(e.Name())
			return err == nil && pid != 1 && pid != os.Getpid()
		})
	})
}

// TestEveryPodReachesEveryOther: TCP from each pod to each, both families, from its
// own address; and from the fabric, where tests put clients that are not ours.
func TestEveryPodReachesEveryOther(t *testing.T) {
	if !inside(t) {
		return
	}
	d := Default()
	f, err := buildFabric(d)
	if err != nil {
		t.Fatal(err)
	}
	defer func() {
		if err := f.close(); err != nil {
			t.Error(err)
		}
	}()
	saw := make(chan netip.Addr, 1)
	for _, to := range d.All() {
		listener, err := f.pods[to.Name()].Listen(netns.ListenOptions{Port: 7})
		if err != nil {
			t.Fatal(err)
		}
		var serving sync.WaitGroup
		serving.Go(func() { tellSources(listener, saw) })
		for _, from := range d.All() {
			for _, ipv6 := range []bool{false, true} {
				reaches(t, f.pods[from.Name()], netip.AddrPortFrom(to.Address(ipv6), 7), from.Address(ipv6), saw)
			}
		}
		fabric6 := netip.MustParseAddr("fd00:172:30::fe")
		reaches(t, netns.Own(), netip.AddrPortFrom(to.IPv4, 7), netip.MustParseAddr("172.30.0.254"), saw)
		reaches(t, netns.Own(), netip.AddrPortFrom(to.IPv6, 7), fabric6, saw)
		listener.Close()
		serving.Wait()
	}
}

func tellSources(l *net.TCPListener, saw chan<- netip.Addr) {
	for {
		c, err := l.AcceptTCP()
		if err != nil {
			return
		}
		saw <- c.RemoteAddr().(*net.TCPAddr).AddrPort().Addr().Unmap()
		c.Close()
	}
}

func reaches(t *testing.T, from *netns.Namespace, to netip.AddrPort, source netip.Addr, saw <-chan netip.Addr) {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), limit)
	defer cancel()
	c, err := from.Dial(ctx, netns.DialOptions{Remote: to})
	if err != nil {
		t.Fatalf("from %s to %s: %v", source, to, err)
	}
	defer c.Close()
	select {
	case got := <-saw:
		if got != source {
			t.Errorf("to %s: from %s, want %s", to, got, source)
		}
	case <-ctx.Done():
		t.Fatalf("from %s to %s: nobody accepted", source, to)
	}
}

// edgeFlows are two flows for each edge, which expect the client's own address.
func edgeFlows(d Topology) []Flow {
	var flows []Flow
	for i, e := range d.Edges {
		for j, kind := range []string{load.New, load.Reused} {
			flows = append(flows, Flow{From: e.From, Flow: load.Flow{
				ID: 2*i + j, Kind: kind, Target: d.Target(e), Period: 50 * time.Millisecond,
				Offset: time.Duration(i) * 3 * time.Millisecond, Timeout: 20 * time.Second, ExpectPeer: d.Source(e),
			}})
		}
	}
	return flows
}

// runLoad runs flows until each has had some answers, and checks them all. Over QUIC a process that has had no turn for two
// seconds, as on a machine that others use, has lost its tunnels: then a reset is nobody's fault.
func runLoad(t *testing.T, l *Lab, flows []Flow, answers int) {
	t.Helper()
	if err := l.StartLoad(t.Context(), load.Now(), flows); err != nil {
		t.Fatal(err)
	}
	got := make(map[int]int)
	enough := func() bool {
		return !slices.ContainsFunc(flows, func(f Flow) bool { return got[f.ID] < answers })
	}
	timeout := time.After(limit)
	for !enough() {
		select {
		case r := <-l.Records():
			switch {
			case r.Error == "":
				got[r.Flow]++
			case r.Error != load.Reset || workloadsWith(t, l, "bulkhead_quic_fallbacks_total", `reason="silent"`) == 0:
				t.Fatalf("flow %d (%+v): %+v", r.Flow, flows[r.Flow], r)
			}
		case <-timeout:
			t.Fatalf("answers so far: %v", got)
		}
	}
	stopLoad(t, l)
}

// stopLoad takes the records that come until the load has ended.
func stopLoad(t *testing.T, l *Lab) {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), limit)
	defer cancel()
	stopped := make(chan error, 1)
	go stopLoadOf(ctx, l, stopped)
	for {
		select {
		case <-l.Records():
		case err := <-stopped:
			if err != nil {
				t.Error(err)
			}
			return
		}
	}
}

func stopLoadOf(ctx context.Context, l *Lab, stopped chan<- error) { stopped <- l.StopLoad(ctx) }

// TestIsolations is the main path of every subject: all flows of the graph work, new
// and reused, IPv4 and IPv6, and the far end sees the client's own address. On the
// wire the clients' marker is nowhere, except without a data plane (invariant I1).
// After Displace nothing is left in any pod.
func TestIsolations(t *testing.T) {
	if !inside(t) {
		return
	}
	l := upLab(t, nil)
	flows := edgeFlows(l.Topology())
	subjects := []Subject{SharedAsZtunnel(Kubelet(1))}
	for _, isolation := range Isolations {
		s, err := SubjectOf(isolation, Kubelet(1))
		if err != nil {
			t.Fatal(err)
		}
		subjects = append(subjects, s)
	}
	for _, s := range slices.Clone(subjects) {
		over, err := s.Over(OverQUIC)
		if err != nil {
			t.Fatal(err)
		}
		if over.Transport != "" { // none has no tunnels
			subjects = append(subjects, over)
		}
	}
	for _, s := range subjects {
		t.Run(s.Name, func(t *testing.T) {
			two := s.Isolation == Shared
			if err := errors.Join(l.Replicate(t.Context(), two), l.Place(t.Context(), s)); err != nil {
				t.Fatal(err)
			}
			sniff, err := l.Sniff([]byte(l.Marker()))
			if err != nil {
				t.Fatal(err)
			}
			runLoad(t, l, flows, 3)
			if err := sniff.Close(); err != nil {
				t.Error(err)
			}
			if leaked := sniff.Seen() > 0; leaked != (s.Isolation == None) || sniff.Packets() == 0 || sniff.Dropped() > 0 {
				t.Errorf("marker seen in %d of %d packets, %d dropped", sniff.Seen(), sniff.Packets(), sniff.Dropped())
			}
			if s.Isolation != None {
				asksByName(t, l)
				checkUsage(t, l, s)
				checkAbilities(t, l)
				checkHearings(t, l, two)
				checkTransport(t, l, s, flows)
				checkLists(t, l)
			}
			if err := l.Displace(t.Context()); err != nil {
				t.Error(err)
			}
			runLoad(t, l, flows[:4], 1)
		})
	}
	if l.Lost() > 0 {
		t.Errorf("%d records lost", l.Lost())
	}
}

// checkTransport: the tunnels of each pod that calls others go over to QUIC, if that is what the subject is.
func checkTransport(t *testing.T, l *Lab, s Subject, flows []Flow) {
	t.Helper()
	const upgrades = "bulkhead_quic_upgrades_total"
	if s.Transport == "" {
		if n := workloadsWith(t, l, upgrades, ""); n > 0 {
			t.Errorf("%d pods with tunnels over QUIC", n)
		}
		return
	}
	clients := make(map[string]bool)
	for _, f := range flows {
		clients[f.From] = true
	}
	eventually(t, "tunnels go over to QUIC", func() bool {
		runLoad(t, l, flows, 1)
		return workloadsWith(t, l, upgrades, "") >= len(clients)
	})
}

// workloadsWith is of how many workloads the admin sockets say in their metrics that something was counted.
func workloadsWith(t *testing.T, l *Lab, metric, label string) (n int) {
	t.Helper()
	for _, path := range l.AdminSockets() {
		var text admin.Text
		if err := admin.New(path).Call(t.Context(), "GET", "/metrics", nil, &text); err != nil {
			t.Fatal(err)
		}
		for line := range strings.Lines(string(text)) {
			if strings.HasPrefix(line, metric+"{") && strings.Contains(line, label) && !strings.HasSuffix(line, " 0\n") {
				n++
			}
		}
	}
	return n
}

// checkLists: whoever asks which connections are open gets an answer for each pod, whatever serves it.
func checkLists(t *testing.T, l *Lab) {
	t.Helper()
	answered := map[string]bool{}
	for _, path := range l.AdminSockets() {
		var all []admin.Connections
		if err := admin.New(path).Call(t.Context(), "GET", "/connections", nil, &all); err != nil {
			t.Fatal(err)
		}
		for _, c := range all {
			if c.Error != "" || c.PID == 0 || c.Cell == "" {
				t.Errorf("%+v", c)
			}
			answered[c.Workload] = true
		}
	}
	if want := len(l.Topology().Pods); len(answered) != want {
		t.Errorf("lists of %d pods, want %d: %v", len(answered), want, answered)
	}
}

// asksByName: a program that is not ours finds a service by its name, at its virtual
// address.
func asksByName(t *testing.T, l *Lab) {
	t.Helper()
	for _, family := range []string{"-4", "-6"} {
		out, code := capturedExec(t, l, "tenant-a/web", filepath.Join(bin, "fetch"), family, "http://checkout.tenant-a/")
		web, _ := l.Topology().Pod("tenant-a/web")
		if want := fmt.Sprintf("pod tenant-a/checkout\nclient %s\n", web.Address(family == "-6")); code != 0 || out != want {
			t.Errorf("fetch %s: exit %d, %q, want %q", family, code, out, want)
		}
	}
}

// capturedExec runs a program in a pod and returns what it wrote.
func capturedExec(t *testing.T, l *Lab, pod string, argv ...string) (string, int) {
	t.Helper()
	out, err := os.Create(filepath.Join(t.TempDir(), "out"))
	if err != nil {
		t.Fatal(err)
	}
	defer out.Close()
	null, err := os.Open(os.DevNull)
	if err != nil {
		t.Fatal(err)
	}
	defer null.Close()
	code, err := l.Exec(t.Context(), pod, argv, [3]*os.File{null, out, out})
	if err != nil {
		t.Error(err)
	}
	if _, err := out.Seek(0, io.SeekStart); err != nil {
		t.Fatal(err)
	}
	b, err := io.ReadAll(out)
	if err != nil {
		t.Fatal(err)
	}
	return string(b), code
}

// checkUsage: the processes are those that the isolation promises, each pod is
// served by exactly one, and all use something.
func checkUsage(t *testing.T, l *Lab, s Subject) {
	t.Helper()
	u, err := l.Usage()
	if err != nil {
		t.Fatal(err)
	}
	want := map[string]map[string]int{
		Sidecar:        {RoleSidecar: 12},
		PerWorkload:    {RoleAnchor: 3, RoleKeeper: 3, RoleCell: 12},
		ServiceAccount: {RoleAnchor: 3, RoleKeeper: 3, RoleCell: 12},
		Namespace:      {RoleAnchor: 3, RoleKeeper: 3, RoleCell: 9},
		Shared:         {RoleAnchor: 3, RoleKeeper: 3, RoleCell: 3},
	}[s.Isolation]
	got := make(map[string]int)
	served := make(map[string]int)
	for _, p := range u.Procs {
		got[p.Role]++
		for _, pod := range p.Pods {
			served[pod]++
		}
		if p.PSS <= 0 || p.Private <= 0 || p.PSS < p.Private || p.Name == "" {
			t.Errorf("usage of %+v", p)
		}
	}
	for role, n := range want {
		if got[role] != n {
			t.Errorf("%d processes of role %s, want %d: %+v", got[role], role, n, u.Procs)
		}
	}
	for _, pod := range l.Topology().Pods {
		serving, err := l.DataPlane(pod.Name())
		if err != nil || len(serving) != 1 || served[pod.Name()] != 1 {
			t.Errorf("%s is served by %+v, %v; in usage %d times", pod.Name(), serving, err, served[pod.Name()])
		}
	}
	if u.PSS <= 0 || u.CPU <= 0 || len(u.Procs) == 0 {
		t.Errorf("usage %+v", u)
	}
}

// TestDownInAnyState: whatever has been begun is ended. newLab checks that no process
// is left.
func TestDownInAnyState(t *testing.T) {
	if !inside(t) {
		return
	}
	t.Run("never up", func(t *testing.T) { newLab(t, nil) })
	t.Run("placed", func(t *testing.T) {
		l := upLab(t, nil)
		if err := l.Place(t.Context(), NodeSubject(Shared, Kubelet(1))); err != nil {
			t.Fatal(err)
		}
	})
	t.Run("under load", func(t *testing.T) {
		l := upLab(t, nil)
		if err := l.StartLoad(t.Context(), load.Now(), edgeFlows(l.Topology())); err != nil {
			t.Fatal(err)
		}
	})
	for _, after := range []time.Duration{0, 20 * time.Millisecond, 150 * time.Millisecond, 400 * time.Millisecond, 900 * time.Millisecond} {
		t.Run("interrupted after "+after.String(), func(t *testing.T) {
			l := newLab(t, nil)
			ctx, cancel := context.WithTimeout(t.Context(), after)
			defer cancel()
			err := l.Up(ctx)
			if err == nil {
				err = l.Place(ctx, SharedAsZtunnel(Kubelet(1)))
			}
			if err != nil && !errors.Is(err, context.DeadlineExceeded) && !errors.Is(err, os.ErrDeadlineExceeded) {
				t.Error(err)
			}
		})
	}
}

func TestMistakesOfCallers(t *testing.T) {
	if !inside(t) {
		return
	}
	l := upLab(t, nil)
	if err := l.StartLoad(t.Context(), load.Now(), []Flow{{From: "nobody"}}); err == nil {
		t.Error("a load from a pod that does not exist was started")
	}
	var misuse *Misuse
	if _, err := l.DataPlane("nobody"); !errors.As(err, &misuse) || !strings.Contains(err.Error(), "tenant-a/web") {
		t.Errorf("data plane of nobody: %v", err)
	}
	if err := l.Displace(t.Context()); err != nil {
		t.Errorf("displace without a data plane: %v", err)
	}
	s := NodeSubject(Shared, Kubelet(1))
	if err := l.Place(t.Context(), s); err != nil {
		t.Fatal(err)
	}
	if err := l.Place(t.Context(), s); err == nil {
		t.Error("two data planes at once")
	}
}

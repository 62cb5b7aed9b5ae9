package discovery_test

import (
	"context"
	"fmt"
	"io"
	"log/slog"
	"net"
	"net/netip"
	"os"
	"path/filepath"
	"runtime"
	"slices"
	"sync/atomic"
	"testing"
	"time"

	"google.golang.org/grpc"

	"github.com/bulkhead-mesh/bulkhead/proxy/control"
	"github.com/bulkhead-mesh/bulkhead/proxy/discovery"
	"github.com/bulkhead-mesh/bulkhead/proxy/mesh"
	"github.com/bulkhead-mesh/bulkhead/proxy/wds"
	"github.com/bulkhead-mesh/bulkhead/proxy/xds"
)

// The figures of docs/discovery.md:
//
//	go test -run '^$' -bench Scale -benchtime 1x ./proxy/discovery

// sizes are workloads; there is a service for every ten of them.
var sizes = []int{10_000, 30_000, 100_000}

// perPush is how many workloads change at once.
const perPush = 10_000

func bigWorkload(i, of int, account string) mesh.Workload {
	ns := fmt.Sprintf("tenant-%d", i/10%100)
	name := fmt.Sprintf("app-%d-7c9d8b6f5d-x%05d", i/10, i)
	return mesh.Workload{
		UID: "Kubernetes//Pod/" + ns + "/" + name, Name: name, Namespace: ns, ServiceAccount: account, TrustDomain: "cluster.local",
		Node: fmt.Sprintf("node-%d", i%(of/100)), Addresses: []netip.Addr{netip.AddrFrom4([4]byte{10, byte(i >> 16), byte(i >> 8), byte(i)})}, Protocol: mesh.HBONE,
		Cluster: "Kubernetes", CanonicalName: fmt.Sprintf("app-%d", i/10), CanonicalRevision: "v1", Kind: "deployment", Controller: fmt.Sprintf("app-%d", i/10),
		Locality: mesh.Locality{Region: "r1", Zone: fmt.Sprintf("z%d", i%3)},
		Services: map[string][]mesh.Port{bigService(i / 10).Key(): nil},
	}
}

func bigService(i int) *mesh.Service {
	return &mesh.Service{Name: fmt.Sprintf("app-%d", i), Namespace: fmt.Sprintf("tenant-%d", i%100), Addresses: []netip.Addr{netip.AddrFrom4([4]byte{172, 16 + byte(i>>16), byte(i >> 8), byte(i)})}, Ports: []mesh.Port{{Port: 80, Target: 8080}}}
}

func bigResources(b *testing.B, from, n, of int, account string) (out []xds.Resource) {
	b.Helper()
	for i := from; i < from+n; i++ {
		w := bigWorkload(i, of, account)
		out = append(out, control.Workload(&w))
	}
	return out
}

// scale is a server with a mesh of n workloads on a unix socket.
func scale(b *testing.B, n int) (s *xds.Server, c discovery.Config) {
	b.Helper()
	s = xds.NewServer(xds.ServerConfig{Types: []string{wds.PolicyType, wds.AddressType}, Log: slog.New(slog.DiscardHandler)})
	var services []xds.Resource
	for i := range n / 10 {
		services = append(services, control.Service(bigService(i)))
	}
	s.Replace(wds.PolicyType, nil)
	s.Replace(wds.AddressType, append(services, bigResources(b, 0, n, n, "app")...))
	dir, err := os.MkdirTemp("", "scale")
	if err != nil {
		b.Fatal(err)
	}
	l, err := net.Listen("unix", filepath.Join(dir, "s"))
	if err != nil {
		b.Fatal(err)
	}
	if err := os.WriteFile(filepath.Join(dir, "token"), []byte("x"), 0o600); err != nil {
		b.Fatal(err)
	}
	g := grpc.NewServer(grpc.MaxRecvMsgSize(64 << 20))
	s.Register(g)
	ended := make(chan error, 1)
	go func() { ended <- g.Serve(l) }()
	b.Cleanup(func() { g.Stop(); <-ended; os.RemoveAll(dir) })
	return s, discovery.Config{Address: "unix://" + l.Addr().String(), Token: filepath.Join(dir, "token")}
}

// heap is what is reachable, in MiB.
func heap() float64 {
	runtime.GC()
	runtime.GC()
	var m runtime.MemStats
	runtime.ReadMemStats(&m)
	return float64(m.HeapAlloc) / (1 << 20)
}

func BenchmarkScale(b *testing.B) {
	for _, n := range sizes {
		b.Run(fmt.Sprintf("%d", n), func(b *testing.B) {
			for range b.N {
				oneScale(b, n)
			}
		})
	}
}

func oneScale(b *testing.B, n int) {
	before := heap()
	s, c := scale(b, n)
	served := heap()
	b.ReportMetric(served-before, "control-MiB")
	f, err := discovery.New(c, "keeper", "node-0", slog.New(slog.DiscardHandler))
	if err != nil {
		b.Fatal(err)
	}
	var current atomic.Pointer[mesh.Snapshot]
	news := make(chan mesh.Effect, 10)
	ctx, cancel := context.WithCancel(context.Background())
	defer cancel()
	ended := make(chan struct{})
	begin := time.Now()
	go func() {
		defer close(ended)
		f.Run(ctx, func(m *mesh.Snapshot, e mesh.Effect) { current.Store(m); news <- e })
	}()
	<-news
	b.ReportMetric(float64(time.Since(begin).Milliseconds()), "first-ms")
	b.ReportMetric(heap()-served, "keeper-MiB")

	push := func(set []xds.Resource) time.Duration {
		begin := time.Now()
		s.Update(wds.AddressType, set, nil)
		<-news
		return time.Since(begin)
	}
	var one []time.Duration
	for i := range 20 {
		one = append(one, push(bigResources(b, i, 1, n, "other")))
	}
	slices.Sort(one)
	b.ReportMetric(float64(one[len(one)/2].Microseconds())/1000, "push1-ms")

	set := bigResources(b, 0, perPush, n, "changed")
	quiet := flow(b, &current, func() { time.Sleep(300 * time.Millisecond) })
	var took time.Duration
	busy := flow(b, &current, func() { took = push(set) })
	b.ReportMetric(float64(took.Milliseconds()), "push10k-ms")
	b.ReportMetric(quiet, "flow-quiet-p99-µs")
	b.ReportMetric(busy, "flow-push-p99-µs")
	cancel()
	<-ended
}

// flow is the 99th percentile of round trips of one byte over a loopback connection, with
// one Resolve for each, all in this process and while during runs.
func flow(b *testing.B, current *atomic.Pointer[mesh.Snapshot], during func()) float64 {
	b.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		b.Fatal(err)
	}
	defer l.Close()
	go func() {
		c, err := l.Accept()
		if err != nil {
			return
		}
		defer c.Close()
		_, _ = io.Copy(c, c)
	}()
	c, err := net.Dial("tcp", l.Addr().String())
	if err != nil {
		b.Fatal(err)
	}
	defer c.Close()
	done := make(chan struct{})
	go func() { defer close(done); during() }()
	w := bigWorkload(0, sizes[0], "app")
	var all []time.Duration
	buf := []byte{1}
	for running := true; running; {
		select {
		case <-done:
			running = false
		default:
		}
		begin := time.Now()
		if a := current.Load().Resolve(w.UID, netip.AddrPortFrom(bigService(len(all) % 1000).Addresses[0], 80)); a.Kind != mesh.Mesh {
			b.Fatalf("resolved to %v", a.Kind)
		}
		if _, err := c.Write(buf); err != nil {
			b.Fatal(err)
		}
		if _, err := io.ReadFull(c, buf); err != nil {
			b.Fatal(err)
		}
		all = append(all, time.Since(begin))
	}
	slices.Sort(all)
	return float64(all[len(all)*99/100].Nanoseconds()) / 1000
}

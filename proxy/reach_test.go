package proxy_test

import (
	"context"
	"crypto/tls"
	"errors"
	"io"
	"net"
	"net/netip"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/vishvananda/netlink"

	"github.com/bulkhead-mesh/bulkhead/proxy/budget"
	"github.com/bulkhead-mesh/bulkhead/proxy/mesh"
	"github.com/bulkhead-mesh/bulkhead/proxy/tunnel"
	"github.com/bulkhead-mesh/bulkhead/redirect/netns/sandbox"
)

// web is the address of a service with a live endpoint and a dead one.
var web = netip.MustParseAddrPort("10.77.0.200:80")

// threePods are a client, a live server, and an end that is dead in its own way.
func threePods(t *testing.T, c tunnel.Config, policies ...mesh.Policy) (*two, *sandbox.Fabric) {
	t.Helper()
	f := sandbox.NewFabric(t, 3)
	pod := func(name string, i int) mesh.Workload {
		return mesh.Workload{UID: "a/" + name, Name: name, Namespace: "a", ServiceAccount: name, Addresses: []netip.Addr{f.Ends[i].A4}, Protocol: mesh.HBONE}
	}
	w := newWorld(t, nil, mesh.File{
		TrustDomain: "cluster.local",
		Workloads:   []mesh.Workload{pod("client", 0), pod("live", 1), pod("dead", 2)},
		Services: []mesh.Service{{
			Name: "web", Namespace: "a", Addresses: []netip.Addr{web.Addr()},
			Ports: []mesh.Port{{Port: 80, Target: 8080}}, Endpoints: []string{"a/live", "a/dead"},
		}},
		Policies: policies,
	})
	w.tunnels = c
	w.client = w.start(t, "a/client", f.Ends[0].Namespace)
	w.server = w.start(t, "a/live", f.Ends[1].Namespace)
	w.server.serve(t, 8080, whoami)
	return w, f
}

// deaths are the ways in which an endpoint can be gone while the mesh still names it.
var deaths = map[string]func(*testing.T, *two, *sandbox.Fabric){
	// The node proxy of the pod is not there: its port refuses.
	"refuses": func(*testing.T, *two, *sandbox.Fabric) {},
	// The application is not there: its proxy answers 503.
	"without application": func(t *testing.T, w *two, f *sandbox.Fabric) { w.start(t, "a/dead", f.Ends[2].Namespace) },
	// The node is not there: nobody answers.
	"silent": func(t *testing.T, _ *two, f *sandbox.Fabric) {
		err := f.Switch.Do(func() error {
			port, err := netlink.LinkByName("port2")
			if err != nil {
				return err
			}
			return netlink.LinkSetDown(port)
		})
		if err != nil {
			t.Fatal(err)
		}
	},
	// Another pod has its address: what answers has the wrong identity.
	"another": func(t *testing.T, w *two, f *sandbox.Fabric) {
		w.impostor = w.client.workload.Identity
		w.start(t, "a/dead", f.Ends[2].Namespace)
	},
}

const visits = 30

// No connection fails because one of two endpoints is dead, and after a few have met it
// nobody goes there for a while.
func TestADeadEndpointBesideALiveOne(t *testing.T) {
	for name, dies := range deaths {
		t.Run(name, func(t *testing.T) {
			w, f := threePods(t, tunnel.Config{})
			dies(t, w, f)
			for range visits {
				w.client.visit(t, f.Ends[0].A4.String())
			}
			w.client.waitLine(t, "endpoint set aside", "peer.workload=a/dead", "failures=3")
			w.client.waitLine(t, "tries=2", "peer.workload=a/live", "level=INFO")
			// Three met it, and now and then one that tried whether it is back.
			if n := w.client.work.Counters.Counts(); n.Failed != 0 || n.Retries != 2+n.SetAside {
				t.Errorf("counts %+v", n)
			}
			for w.client.work.CountAside() == 0 { // its time is over on a slow machine, until it is tried again
				w.client.visit(t, f.Ends[0].A4.String())
			}
			if list := w.client.work.Aside(); len(list) != 1 || list[0].Workload != "a/dead" || list[0].Failures < 3 || list[0].Error == "" {
				t.Errorf("set aside: %+v", list)
			}
		})
	}
}

// What was set aside is tried again by one connection when its time is over, and used as
// before if that works; others have no trouble meanwhile.
func TestAnEndpointComesBack(t *testing.T) {
	w, f := threePods(t, tunnel.Config{})
	for w.client.work.CountAside() == 0 {
		w.client.visit(t, f.Ends[0].A4.String())
	}
	dead := w.start(t, "a/dead", f.Ends[2].Namespace)
	dead.serve(t, 8080, whoami)
	for dead.work.Counters.Counts().Closed < 3 {
		w.client.visit(t, f.Ends[0].A4.String())
		time.Sleep(10 * time.Millisecond) // there are 5 s to wait
	}
	w.client.waitLine(t, "endpoint is back", "peer.workload=a/dead", "service=web.a.svc.cluster.local")
	if n := w.client.work.Counters.Counts(); n.Failed != 0 || w.client.work.CountAside() != 0 || n.Retries != 2+n.SetAside {
		t.Errorf("counts %+v", n)
	}
}

// An endpoint with many handshakes to do is waited for as long as its budget has everybody
// wait: to leave it would have the next one do the same work again, and to set it aside
// would give its load to the others.
func TestAnEndpointAtWorkIsWaitedFor(t *testing.T) {
	w, f := threePods(t, tunnel.Config{})
	w.server.stop()
	turns := budget.NewTurns(2)
	for i, uid := range []string{"a/live", "a/dead"} { // whichever is chosen
		account := budget.NewAccount(budget.Limits{HandshakesPerSecond: 1}, turns)
		if p := w.startOn(t, uid, f.Ends[1+i].Namespace, account); uid == "a/dead" {
			p.serve(t, 8080, whoami) // the other's application is there
		}
		owe(t, account, 4)
	}
	w.client.visit(t, f.Ends[0].A4.String())
	if n := w.client.work.Counters.Counts(); n.Failed != 0 || n.Retries != 0 {
		t.Errorf("counts %+v", n)
	}
}

// owe has an account's handshakes of the next seconds taken already.
func owe(t *testing.T, a *budget.Account, handshakes int) {
	var all sync.WaitGroup
	ctx, cancel := context.WithCancel(t.Context())
	for range handshakes {
		here, there := net.Pipe()
		there.Close()
		all.Go(func() {
			_, _ = a.Handshake(ctx, here, nil, func(c net.Conn) *tls.Conn { return tls.Client(c, &tls.Config{ServerName: "x"}) })
		})
	}
	for a.Counts().Waited[budget.Handshakes] < uint64(handshakes)-1 {
		time.Sleep(time.Millisecond)
	}
	cancel()
	all.Wait()
}

// visit is one connection to the service, to its end.
func (p *pod) visit(t *testing.T, answer string) {
	t.Helper()
	c := p.dial(t, web)
	if got := readAll(t, c); got != answer {
		t.Fatalf("the answer is %q, want %q", got, answer)
	}
	c.Close()
}

// The control: without retries the same connections fail, one in two.
func TestWithoutRetriesADeadEndpointIsFelt(t *testing.T) {
	w, _ := threePods(t, tunnel.Config{Retry: tunnel.Switch{Off: true}})
	failed := 0
	for range visits {
		c, err := w.client.tryDial(t, web)
		if err == nil {
			_, err = io.ReadAll(c)
		}
		if errors.Is(err, syscall.ECONNRESET) {
			failed++
		} else if err != nil {
			t.Fatal(err)
		}
	}
	if failed == 0 || failed == visits { // once in 500 million runs by chance
		t.Errorf("%d of %d connections failed", failed, visits)
	}
}

// What a policy denies at one endpoint is not tried at the next.
func TestADeniedConnectionIsNotTriedElsewhere(t *testing.T) {
	w, f := threePods(t, tunnel.Config{}, mesh.Policy{Name: "nobody", Namespace: "a", Scope: mesh.ScopeNamespace, Action: mesh.Allow})
	w.start(t, "a/dead", f.Ends[2].Namespace)
	w.client.wantRefused(t, web)
	line := w.client.waitLine(t, "direction=outbound", "http status: 401")
	if strings.Contains(line, "tries=") {
		t.Error("a denied connection was tried again:", line)
	}
}

// A whole service that is down fails its connections, after it was tried once at each
// endpoint and not more.
func TestAServiceThatIsDownIsTriedOnceEverywhere(t *testing.T) {
	w, _ := threePods(t, tunnel.Config{})
	w.server.stop()
	w.client.wantRefused(t, web)
	w.client.waitLine(t, "direction=outbound", "level=ERROR", "tries=2")
}

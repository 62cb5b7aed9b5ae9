package discovery_test

import (
	"context"
	"log/slog"
	"net/netip"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/bulkhead-mesh/bulkhead/identity/bearer"
	"github.com/bulkhead-mesh/bulkhead/proxy/control"
	"github.com/bulkhead-mesh/bulkhead/proxy/discovery"
	"github.com/bulkhead-mesh/bulkhead/proxy/mesh"
)

const hang = 30 * time.Second // fires only if something hangs

const twoTenants = `
trustDomain: td
workloads:
- {uid: a/web, name: web, namespace: a, node: n1, addresses: [10.0.0.1], protocol: HBONE}
- {uid: a/db, name: db, namespace: a, node: n2, addresses: [10.0.0.2], protocol: HBONE}
- {uid: b/web, name: web, namespace: b, node: n2, addresses: [10.0.0.3], protocol: HBONE}
services:
- {name: db, namespace: a, addresses: [10.96.0.2], ports: [{port: 80, target: 8080}], endpoints: [a/db]}
policies:
- {name: only-web, namespace: a, scope: workload, workloads: [a/db], action: ALLOW, rules: [{namespaces: [a]}]}
`

var tokens = []bearer.Grant{{Token: "n1", Node: "n1"}, {Token: "n2", Node: "n2"}}

// world is a control and what it reads.
type world struct {
	t      *testing.T
	dir    string
	config control.Config
	stop   func()
}

func newWorld(t *testing.T, change func(*control.Config)) *world {
	t.Helper()
	dir, err := os.MkdirTemp("", "discovery") // t.TempDir's names are too long for a socket
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { os.RemoveAll(dir) })
	w := &world{t: t, dir: dir, config: control.Config{
		TrustDomain: "td", Socket: filepath.Join(dir, "sock"), Mesh: filepath.Join(dir, "mesh.yaml"),
		Tokens: tokens,
	}}
	if change != nil {
		change(&w.config)
	}
	w.write("n1", "n1")
	w.write("n2", "n2")
	return w
}

// write replaces a file of the world.
func (w *world) write(name, text string) {
	w.t.Helper()
	path := filepath.Join(w.dir, name)
	if err := os.WriteFile(path+".new", []byte(text), 0o600); err != nil {
		w.t.Fatal(err)
	}
	if err := os.Rename(path+".new", path); err != nil {
		w.t.Fatal(err)
	}
}

func (w *world) start() {
	w.t.Helper()
	c, err := control.New(w.config, nil)
	if err != nil {
		w.t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(context.Background())
	ended := make(chan error, 1)
	go func() { ended <- c.Run(ctx) }()
	stopped := false
	w.stop = func() {
		if !stopped {
			stopped = true
			cancel()
			if err := <-ended; err != nil {
				w.t.Error(err)
			}
		}
	}
	w.t.Cleanup(w.stop)
}

// seen is what a feed said last.
type seen struct {
	t    *testing.T
	feed *discovery.Feed
	news chan news
	last news
}

type news struct {
	*mesh.Snapshot
	mesh.Effect
}

func (w *world) feed(token string, onDemand bool) *seen {
	w.t.Helper()
	return w.feedOf(discovery.Config{Address: "unix://" + w.config.Socket, Token: filepath.Join(w.dir, token), OnDemand: onDemand, Experimental: onDemand}, "keeper", token)
}

func (w *world) feedOf(c discovery.Config, name, node string) *seen {
	w.t.Helper()
	f, err := discovery.New(c, name, node, slog.New(slog.DiscardHandler))
	if err != nil {
		w.t.Fatal(err)
	}
	s := &seen{t: w.t, feed: f, news: make(chan news, 100)}
	ctx, cancel := context.WithCancel(context.Background())
	done := make(chan struct{})
	go func() {
		defer close(done)
		f.Run(ctx, func(m *mesh.Snapshot, e mesh.Effect) { s.news <- news{m, e} })
	}()
	w.t.Cleanup(func() { cancel(); <-done })
	return s
}

func (s *seen) next() news {
	s.t.Helper()
	select {
	case s.last = <-s.news:
		return s.last
	case <-time.After(hang):
		s.t.Fatal("no news")
	}
	return news{}
}

func (s *seen) silent() {
	s.t.Helper()
	select {
	case n := <-s.news:
		s.t.Errorf("news: %+v", n.Effect)
	default:
	}
}

func (s *seen) kind(from, dst string) mesh.Kind {
	return s.last.ResolveFrom(s.feed, from, netip.MustParseAddrPort(dst)).Kind
}

// The mesh of a file reaches a node as it is there, changes and outages included (I5).
func TestMeshFromControl(t *testing.T) {
	w := newWorld(t, nil)
	w.start()
	s := w.feed("n1", false)
	s.silent() // control has no mesh yet: an empty one would let everything out in plaintext
	w.write("mesh.yaml", twoTenants)
	n := s.next()
	db, ok := n.Workload("a/db")
	if !n.All() || !ok || len(n.Policies(db).Policies) != 1 || len(n.Policies(db).Unknown) != 0 || n.Services("a/db")[0].Name != "db" {
		t.Fatalf("first snapshot: effect %+v, %+v", n.Effect, db)
	}
	if k := s.kind("a/web", "10.96.0.2:80"); k != mesh.Mesh {
		t.Errorf("the service is %v", k)
	}
	if k := s.kind("a/web", "192.0.2.1:80"); k != mesh.NotMesh {
		t.Errorf("outside is %v", k)
	}
	w.write("mesh.yaml", strings.Replace(twoTenants, "10.0.0.3", "10.0.0.4", 1))
	n = s.next()
	if n.All() || !n.Touches(netip.MustParseAddr("10.0.0.3")) || !n.Touches(netip.MustParseAddr("10.0.0.4")) || n.Touches(netip.MustParseAddr("10.96.0.2")) {
		t.Errorf("effect %+v", n.Effect)
	}
	w.stop()
	if k := s.kind("a/web", "10.96.0.2:80"); k != mesh.Mesh {
		t.Errorf("without control the service is %v", k)
	}
	w.start() // with the same file: nothing to say
	w.write("mesh.yaml", strings.Replace(strings.Replace(twoTenants, "10.0.0.3", "10.0.0.4", 1), "ALLOW", "DENY", 1))
	n = s.next()
	if web, _ := n.Workload("a/web"); n.All() || !n.Concerns(db) || n.Concerns(web) || n.Touches(netip.MustParseAddr("10.96.0.2")) {
		t.Errorf("effect of a policy %+v", n.Effect)
	}
}

// On demand, an address is unknown until control was asked, and then in the mesh or not.
func TestMeshOnDemand(t *testing.T) {
	w := newWorld(t, nil)
	w.write("mesh.yaml", twoTenants)
	w.start()
	s := w.feed("n1", true)
	s.feed.Serve("a/web")
	s.feed.Serve("a/db")
	for {
		n := s.next()
		if _, ok := n.Workload("a/web"); ok && len(n.Services("a/db")) == 1 {
			break
		}
	}
	if _, ok := s.last.Workload("b/web"); ok {
		t.Error("a workload came that nobody demanded")
	}
	for _, c := range []struct {
		dst  string
		want mesh.Kind
	}{{"10.0.0.3:80", mesh.Mesh}, {"192.0.2.1:80", mesh.NotMesh}, {"10.96.0.2:80", mesh.Mesh}} {
		addr := netip.MustParseAddrPort(c.dst).Addr()
		for known := false; !known; {
			switch k := s.kind("a/web", c.dst); k {
			case mesh.Unknown: // whoever waits is told when to ask again
				for !s.next().Touches(addr) {
				}
			case c.want:
				known = true
			default:
				t.Fatalf("%s is %v, want %v", c.dst, k, c.want)
			}
		}
	}
	w.write("mesh.yaml", strings.Replace(twoTenants, "10.0.0.3", "192.0.2.1", 1))
	if !s.next().Touches(netip.MustParseAddr("192.0.2.1")) || s.kind("a/web", "192.0.2.1:80") != mesh.Mesh {
		t.Errorf("a workload came to an address that was outside: effect %+v", s.last.Effect)
	}
}

// A node sees what its view shows, and all that runs on it.
func TestViewOfANode(t *testing.T) {
	w := newWorld(t, func(c *control.Config) { c.Views = control.Views{"n1": {"a"}} })
	w.write("mesh.yaml", twoTenants)
	w.start()
	for token, all := range map[string]bool{"n1": false, "n2": true} {
		n := w.feed(token, false).next()
		_, theirs := n.Workload("b/web")
		_, ours := n.Workload("a/web")
		if theirs != all || !ours {
			t.Errorf("%s sees the other tenant: %v, its own: %v", token, theirs, ours)
		}
	}
}

func TestConfig(t *testing.T) {
	good := discovery.Config{Address: "unix:///run/control.sock", Token: "/token"}
	for name, c := range map[string]struct {
		mesh string
		c    discovery.Config
		want string
	}{
		"file":                  {"mesh.yaml", discovery.Config{}, ""},
		"control":               {"", good, ""},
		"neither":               {"", discovery.Config{}, "mesh or discovery is required"},
		"both":                  {"mesh.yaml", good, "keep one"},
		"no token":              {"", discovery.Config{Address: "unix:///x"}, "token is missing"},
		"no roots":              {"", discovery.Config{Address: "control:15012", Token: "/token"}, "roots is missing"},
		"on demand":             {"", discovery.Config{Address: good.Address, Token: "/token", OnDemand: true}, "experimental"},
		"on demand, knowingly":  {"", discovery.Config{Address: good.Address, Token: "/token", OnDemand: true, Experimental: true}, ""},
		"experiment of nothing": {"", discovery.Config{Address: good.Address, Token: "/token", Experimental: true}, "go together"},
		"several":               {"", discovery.Config{Addresses: []string{"unix:///a", "unix:///b"}, Token: "/token"}, ""},
		"several over TLS":      {"", discovery.Config{Addresses: []string{"a:15012", "b:15012"}, Token: "/token", Roots: "/r"}, ""},
		"one and several":       {"", discovery.Config{Address: "unix:///a", Addresses: []string{"unix:///b"}, Token: "/token"}, "keep one"},
		"one twice":             {"", discovery.Config{Addresses: []string{"unix:///a", "unix:///a"}, Token: "/token"}, "unix:///a is there twice"},
		"one of none":           {"", discovery.Config{Addresses: []string{"unix:///a", ""}, Token: "/token"}, "address is missing"},
		"one without a port":    {"", discovery.Config{Addresses: []string{"a:15012", "b"}, Token: "/token", Roots: "/r"}, "discovery: b: address: want unix:///path or host:port"},
		"socket and address":    {"", discovery.Config{Addresses: []string{"a:15012", "unix:///b"}, Token: "/token", Roots: "/r"}, "unix:///b: roots are for host:port"},
		"several and a file":    {"mesh.yaml", discovery.Config{Addresses: []string{"unix:///a"}}, "keep one"},
		"no scheme":             {"", discovery.Config{Address: "/run/x", Token: "/token", Roots: "/r"}, "unix:///path or host:port"},
	} {
		err := discovery.From(c.mesh, c.c)
		if (err == nil) != (c.want == "") || err != nil && !strings.Contains(err.Error(), c.want) {
			t.Errorf("%s: error %v, want one with %q", name, err, c.want)
		}
	}
	if _, err := discovery.New(discovery.Config{}, "x", "n", slog.New(slog.DiscardHandler)); err == nil {
		t.Error("a feed of nowhere")
	}
}

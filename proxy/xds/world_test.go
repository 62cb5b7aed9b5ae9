package xds

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"maps"
	"net"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	corev3 "github.com/envoyproxy/go-control-plane/envoy/config/core/v3"
	discoveryv3 "github.com/envoyproxy/go-control-plane/envoy/service/discovery/v3"
	"google.golang.org/grpc"
	"google.golang.org/grpc/credentials/insecure"
)

const (
	hang    = 20 * time.Second // fires only if something hangs
	policy  = "type.googleapis.com/istio.security.Authorization"
	address = "type.googleapis.com/istio.workload.Address"
)

// port is a place where one gRPC server after another serves.
type port struct {
	address string
	stop    func()
}

// serve makes the service reachable, at the port's address if it has one.
func (p *port) serve(t *testing.T, register func(grpc.ServiceRegistrar)) {
	t.Helper()
	l, err := net.Listen("tcp", cmp.Or(p.address, "127.0.0.1:0"))
	if err != nil {
		t.Fatal(err)
	}
	if p.address == "" { // clients of an earlier server read it
		p.address = l.Addr().String()
	}
	g := grpc.NewServer(grpc.WaitForHandlers(true))
	register(g)
	ended := make(chan error, 1)
	go func() { ended <- g.Serve(l) }()
	p.stop = sync.OnceFunc(func() { g.Stop(); <-ended })
	t.Cleanup(p.stop)
}

func (p *port) dial() (*grpc.ClientConn, error) {
	return grpc.NewClient(p.address, grpc.WithTransportCredentials(insecure.NewCredentials()))
}

// holder is a handler that remembers, and rejects values that say so.
type holder struct {
	mu    sync.Mutex
	has   map[string]string // type and name: value
	gone  map[string]bool
	order []string // types in the order in which they came
	moved chan struct{}
}

func newHolder() *holder {
	return &holder{has: map[string]string{}, gone: map[string]bool{}, moved: make(chan struct{}, 1)}
}

func (h *holder) Apply(r Response) map[string]error {
	h.mu.Lock()
	defer h.mu.Unlock()
	rejected := map[string]error{}
	h.order = append(h.order, r.Type)
	for _, x := range r.Resources {
		if strings.HasPrefix(string(x.Value), "bad") {
			rejected[x.Name] = errors.New("it is bad")
			if string(x.Value) == "bad and lost" {
				rejected[x.Name] = Lost{rejected[x.Name]}
			}
			continue
		}
		h.has[x.Name] = string(x.Value)
		delete(h.gone, x.Name)
	}
	for _, name := range r.Removed {
		delete(h.has, name)
		h.gone[name] = true
	}
	select {
	case h.moved <- struct{}{}:
	default:
	}
	return rejected
}

func (h *holder) text() string {
	h.mu.Lock()
	defer h.mu.Unlock()
	var parts []string
	for _, name := range slices.Sorted(maps.Keys(h.has)) {
		parts = append(parts, name+"="+h.has[name])
	}
	return strings.Join(parts, " ")
}

// await waits until the holder has exactly this.
func (h *holder) await(t *testing.T, want string) {
	t.Helper()
	limit := time.After(hang)
	for h.text() != want {
		select {
		case <-h.moved:
		case <-limit:
			t.Fatalf("has %q, want %q", h.text(), want)
		}
	}
}

func (h *holder) awaitGone(t *testing.T, name string) {
	t.Helper()
	limit := time.After(hang)
	for {
		h.mu.Lock()
		gone := h.gone[name]
		h.mu.Unlock()
		if gone {
			return
		}
		select {
		case <-h.moved:
		case <-limit:
			t.Fatalf("nobody says that %s is not there", name)
		}
	}
}

func startClient(t *testing.T, p *port, h Handler, onDemand bool) *Client {
	t.Helper()
	return startClientOf(t, h, onDemand, Replica{"the only one", p.dial})
}

func startClientOf(t *testing.T, h Handler, onDemand bool, replicas ...Replica) *Client {
	t.Helper()
	c := NewClient(ClientConfig{
		Replicas: replicas, Node: &corev3.Node{Id: "ztunnel~10.0.0.1~n1"}, Handler: h, Log: slog.New(slog.DiscardHandler),
		Types: []Subscription{{Type: policy}, {Type: address, OnDemand: onDemand}},
	})
	ctx, cancel := context.WithCancel(context.Background())
	done := make(chan struct{})
	go func() { defer close(done); c.Run(ctx) }()
	t.Cleanup(func() { cancel(); <-done })
	return c
}

func newServer(o ...func(*ServerConfig)) *Server {
	c := ServerConfig{Types: []string{policy, address}, Log: slog.New(slog.DiscardHandler)}
	for _, f := range o {
		f(&c)
	}
	return NewServer(c)
}

func res(name, value string) Resource {
	return Resource{Name: name, Version: value, Value: []byte(value)}
}

func ready(c *Client) bool {
	select {
	case <-c.Ready():
		return true
	default:
		return false
	}
}

func awaitReady(t *testing.T, c *Client) {
	t.Helper()
	select {
	case <-c.Ready():
	case <-time.After(hang):
		t.Fatal("not ready")
	}
}

// raw is a client of the generated stubs alone: requests and responses as they are.
type raw struct {
	t         *testing.T
	stream    discoveryv3.AggregatedDiscoveryService_DeltaAggregatedResourcesClient
	responses chan *discoveryv3.DeltaDiscoveryResponse
	ended     chan error
}

func newRaw(t *testing.T, p *port) *raw {
	t.Helper()
	conn, err := p.dial()
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(context.Background())
	stream, err := discoveryv3.NewAggregatedDiscoveryServiceClient(conn).DeltaAggregatedResources(ctx)
	if err != nil {
		t.Fatal(err)
	}
	r := &raw{t, stream, make(chan *discoveryv3.DeltaDiscoveryResponse), make(chan error, 1)}
	go receive(ctx, stream.Recv, r.responses, r.ended)
	t.Cleanup(func() { cancel(); conn.Close() })
	return r
}

func (r *raw) send(m *discoveryv3.DeltaDiscoveryRequest) {
	r.t.Helper()
	if err := r.stream.Send(m); err != nil && !errors.Is(err, io.EOF) {
		r.t.Fatal(err)
	}
}

// next is the next response, and its text: type's last word, resources, removals.
func (r *raw) next() (*discoveryv3.DeltaDiscoveryResponse, string) {
	r.t.Helper()
	select {
	case m := <-r.responses:
		var parts []string
		for _, x := range m.Resources {
			parts = append(parts, fmt.Sprintf("%s=%s", x.Name, x.Resource.Value))
		}
		for _, name := range m.RemovedResources {
			parts = append(parts, "-"+name)
		}
		slices.Sort(parts)
		return m, strings.Join(parts, " ")
	case err := <-r.ended:
		r.t.Fatalf("the stream ended: %v", err)
	case <-time.After(hang):
		r.t.Fatal("no response")
	}
	return nil, ""
}

func (r *raw) ack(m *discoveryv3.DeltaDiscoveryResponse) {
	r.t.Helper()
	r.send(&discoveryv3.DeltaDiscoveryRequest{TypeUrl: m.TypeUrl, ResponseNonce: m.Nonce})
}

// want takes the next response, which must be this, and acknowledges it.
func (r *raw) want(text string) *discoveryv3.DeltaDiscoveryResponse {
	r.t.Helper()
	m, got := r.next()
	if got != text {
		r.t.Fatalf("response %q, want %q", got, text)
	}
	r.ack(m)
	return m
}

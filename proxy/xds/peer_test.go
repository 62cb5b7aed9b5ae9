package xds

import (
	"context"
	"testing"

	discoveryv3 "github.com/envoyproxy/go-control-plane/envoy/service/discovery/v3"
	"github.com/envoyproxy/go-control-plane/pkg/cache/types"
	"github.com/envoyproxy/go-control-plane/pkg/cache/v3"
	serverv3 "github.com/envoyproxy/go-control-plane/pkg/server/v3"
	"google.golang.org/grpc"
	"google.golang.org/protobuf/proto"
	"istio.io/istio/pkg/workloadapi"
	"istio.io/istio/pkg/workloadapi/security"
)

// peer is go-control-plane's server with its caches: a delta server that is not ours.
type peer struct {
	policies, addresses *cache.LinearCache
	cancel              context.CancelFunc
}

func newPeer() *peer {
	return &peer{policies: cache.NewLinearCache(policy), addresses: cache.NewLinearCache(address)}
}

func (p *peer) register(t *testing.T) func(grpc.ServiceRegistrar) {
	ctx, cancel := context.WithCancel(context.Background())
	p.cancel = cancel
	t.Cleanup(cancel)
	mux := &cache.MuxCache{
		ClassifyDelta: func(r *cache.DeltaRequest) string { return r.TypeUrl },
		Classify:      func(r *cache.Request) string { return r.TypeUrl },
		Caches:        map[string]cache.Cache{policy: p.policies, address: p.addresses},
	}
	s := serverv3.NewServer(ctx, mux, nil)
	return func(r grpc.ServiceRegistrar) { discoveryv3.RegisterAggregatedDiscoveryServiceServer(r, s) }
}

// names is a handler that keeps the names that messages have inside.
type names struct{ *holder }

func (n names) Apply(r Response) map[string]error {
	rejected := map[string]error{}
	for i, x := range r.Resources {
		var a workloadapi.Address
		var p security.Authorization
		var err error
		if r.Type == address {
			err = proto.Unmarshal(x.Value, &a)
		} else {
			err = proto.Unmarshal(x.Value, &p)
		}
		if err != nil {
			rejected[x.Name] = err
		}
		r.Resources[i].Value = []byte(a.GetWorkload().GetName() + p.GetName())
	}
	for name, err := range n.holder.Apply(r) {
		rejected[name] = err
	}
	return rejected
}

// Our client, served by go-control-plane: subscribe, change, remove, reconnect.
func TestClientOfAnotherServer(t *testing.T) {
	workload := func(name string) types.Resource {
		return &workloadapi.Address{Type: &workloadapi.Address_Workload{Workload: &workloadapi.Workload{Uid: "u", Name: name}}}
	}
	must := func(err error) {
		t.Helper()
		if err != nil {
			t.Fatal(err)
		}
	}
	var at port
	p := newPeer()
	must(p.addresses.UpdateResource("a", workload("one")))
	must(p.addresses.UpdateResource("b", workload("one")))
	must(p.policies.UpdateResource("p", &security.Authorization{Name: "deny"}))
	at.serve(t, p.register(t))
	h := newHolder()
	c := startClient(t, &at, names{h}, false)
	h.await(t, "a=one b=one p=deny")
	awaitReady(t, c)
	must(p.addresses.UpdateResources(map[string]types.Resource{"a": workload("two"), "c": workload("one")}, []string{"b"}))
	h.await(t, "a=two c=one p=deny")

	p.cancel()
	at.stop()
	must(p.addresses.UpdateResources(map[string]types.Resource{"a": workload("three")}, []string{"c"}))
	at.serve(t, p.register(t))
	h.await(t, "a=three p=deny") // what went meanwhile is gone
	h.mu.Lock()
	defer h.mu.Unlock()
	if h.order[0] != policy {
		t.Errorf("first came %s", h.order[0])
	}
}

func TestClientOnDemandOfAnotherServer(t *testing.T) {
	var at port
	p := newPeer()
	for _, name := range []string{"a", "b"} {
		if err := p.addresses.UpdateResource(name, &workloadapi.Address{Type: &workloadapi.Address_Workload{Workload: &workloadapi.Workload{Name: name}}}); err != nil {
			t.Fatal(err)
		}
	}
	at.serve(t, p.register(t))
	h := newHolder()
	c := startClient(t, &at, names{h}, true)
	c.Demand(address, "b")
	h.await(t, "b=b")
	c.Demand(address, "nobody")
	c.Demand(address, "a")
	h.await(t, "a=a b=b")
}

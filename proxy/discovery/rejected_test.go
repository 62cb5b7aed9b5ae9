package discovery_test

import (
	"log/slog"
	"net"
	"testing"

	"google.golang.org/grpc"
	"google.golang.org/protobuf/proto"
	"istio.io/istio/pkg/workloadapi"

	"github.com/bulkhead-mesh/bulkhead/proxy/control"
	"github.com/bulkhead-mesh/bulkhead/proxy/mesh"
	"github.com/bulkhead-mesh/bulkhead/proxy/wds"
	"github.com/bulkhead-mesh/bulkhead/proxy/xds"
)

// A newer control says something of one service that this version does not know: the node
// has its mesh all the same, and that service is refused, until it is gone.
func TestOneResourceThatCannotBeUsed(t *testing.T) {
	w := newWorld(t, nil)
	s := xds.NewServer(xds.ServerConfig{Types: []string{wds.PolicyType, wds.AddressType}, Log: slog.New(slog.DiscardHandler)})
	l, err := net.Listen("unix", w.config.Socket)
	if err != nil {
		t.Fatal(err)
	}
	g := grpc.NewServer()
	s.Register(g)
	ended := make(chan error, 1)
	go func() { ended <- g.Serve(l) }()
	t.Cleanup(func() { g.Stop(); <-ended })

	db := wds.Service(bigService(1))
	db.GetService().LoadBalancing = &workloadapi.LoadBalancing{RoutingPreference: []workloadapi.LoadBalancing_Scope{99}}
	value, err := proto.Marshal(db)
	if err != nil {
		t.Fatal(err)
	}
	web := bigWorkload(0, 100, "app")
	s.Replace(wds.PolicyType, nil)
	s.Replace(wds.AddressType, []xds.Resource{control.Workload(&web), {Name: bigService(1).Key(), Version: "1", Value: value}})
	n := w.feed("n1", false)
	n.next()
	vip := bigService(1).Addresses[0]
	if k := n.kind(web.UID, vip.String()+":80"); k != mesh.Mesh {
		t.Errorf("the service is %v", k)
	}
	s.Update(wds.AddressType, nil, []string{bigService(1).Key()})
	if !n.next().Touches(vip) || n.kind(web.UID, vip.String()+":80") != mesh.NotMesh {
		t.Errorf("the service is gone: effect %+v", n.last.Effect)
	}
}

package discovery_test

import (
	"log/slog"
	"net"
	"strings"
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

// Control says every policy in a form that nobody can use: the policies that are known stay
// in force, workloads go on changing, the refusal is told, and over when control is right.
func TestOneTypeThatCannotBeUsed(t *testing.T) {
	w := newWorld(t, nil)
	w.write("mesh.yaml", twoTenants)
	w.start()
	s := w.feed("n1", false)
	db, _ := s.next().Workload("a/db")
	inForce := s.last.Policies(db)
	w.stop()
	w.config.Misstate = true
	w.start()
	s.stands("policies are refused", func(x mesh.Standing) bool { return strings.HasPrefix(x.Refused, "a/only-web: ") })
	w.write("mesh.yaml", strings.Replace(strings.Replace(twoTenants, "10.0.0.3", "10.0.0.4", 1), "ALLOW", "DENY", 1))
	for s.kind("a/web", "10.0.0.4:80") != mesh.Mesh {
		s.next()
	}
	if got := s.last.Policies(db); len(got.Policies) != 1 || got.Generation != inForce.Generation {
		t.Errorf("judged by %+v, want %+v", got, inForce)
	}
	w.stop()
	w.config.Misstate = false
	w.start()
	s.stands("nothing is refused", func(x mesh.Standing) bool { return x.Error == "" && x.Refused == "" })
	for s.last.Policies(db).Generation == inForce.Generation {
		s.next()
	}
}

package xds

import (
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	discoveryv3 "github.com/envoyproxy/go-control-plane/envoy/service/discovery/v3"
	"google.golang.org/grpc"
	"google.golang.org/protobuf/types/known/anypb"
)

// script is a server that the test plays itself.
type script struct {
	discoveryv3.UnimplementedAggregatedDiscoveryServiceServer
	streams chan discoveryv3.AggregatedDiscoveryService_DeltaAggregatedResourcesServer
	ends    chan error // how a stream shall end
}

func newScript() *script {
	return &script{streams: make(chan discoveryv3.AggregatedDiscoveryService_DeltaAggregatedResourcesServer, 1), ends: make(chan error)}
}

func (s *script) Register(r grpc.ServiceRegistrar) {
	discoveryv3.RegisterAggregatedDiscoveryServiceServer(r, s)
}

func (s *script) DeltaAggregatedResources(g discoveryv3.AggregatedDiscoveryService_DeltaAggregatedResourcesServer) error {
	s.streams <- g
	select {
	case err := <-s.ends:
		return err
	case <-g.Context().Done():
	}
	return nil
}

// line is a conversation on one stream.
type line struct {
	t *testing.T
	discoveryv3.AggregatedDiscoveryService_DeltaAggregatedResourcesServer
}

func (s *script) stream(t *testing.T) line {
	t.Helper()
	select {
	case g := <-s.streams:
		return line{t, g}
	case <-time.After(hang):
		t.Fatal("no stream")
	}
	return line{}
}

func (l line) hear(typ string) *discoveryv3.DeltaDiscoveryRequest {
	l.t.Helper()
	r, err := l.Recv()
	if err != nil {
		l.t.Fatal(err)
	}
	if r.TypeUrl != typ {
		l.t.Fatalf("a request of type %s, want %s", r.TypeUrl, typ)
	}
	return r
}

func (l line) say(typ, nonce string, removed []string, set ...Resource) {
	l.t.Helper()
	m := &discoveryv3.DeltaDiscoveryResponse{TypeUrl: typ, Nonce: nonce, RemovedResources: removed}
	for _, r := range set {
		m.Resources = append(m.Resources, (&entry{Resource: r}).message(typ))
	}
	if err := l.Send(m); err != nil {
		l.t.Fatal(err)
	}
}

// What is said and when: policies before workloads, an ACK for each response, and a
// NACK with names and reasons.
//
// Conformance 78: caches are warm before anything is unblocked; a first response with a resource of which nothing could be kept does not count.
func TestConversation(t *testing.T) {
	var p port
	s := newScript()
	p.serve(t, s.Register)
	h := newHolder()
	c := startClient(t, &p, h, false)
	l := s.stream(t)

	r := l.hear(policy)
	if r.Node.GetId() != "ztunnel~10.0.0.1~n1" || len(r.ResourceNamesSubscribe)+len(r.InitialResourceVersions) != 0 || r.ResponseNonce != "" {
		t.Errorf("first request %v", r)
	}
	l.say(policy, "1", nil, res("p", "one"))
	if r = l.hear(policy); r.ResponseNonce != "1" || r.ErrorDetail != nil {
		t.Errorf("ACK %v", r)
	}
	if r = l.hear(address); r.Node.GetId() == "" || len(r.ResourceNamesSubscribe) != 0 {
		t.Errorf("first request for addresses %v", r)
	}
	l.say(address, "2", nil, res("a", "one"), res("b", "bad"), res("c", "bad and lost"))
	r = l.hear(address)
	if r.ResponseNonce != "2" || r.ErrorDetail.GetMessage() != "b: it is bad; c: it is bad" || r.ErrorDetail.Code == 0 {
		t.Errorf("NACK %v", r)
	}
	h.await(t, "a=one p=one")
	if ready(c) {
		t.Error("ready, though of one of the first addresses nothing is known")
	}
	l.say(address, "3", []string{"a"}, res("d", "one"))
	if r = l.hear(address); r.ResponseNonce != "3" || r.ErrorDetail != nil {
		t.Errorf("ACK %v", r)
	}
	awaitReady(t, c)
	h.await(t, "d=one p=one")

	l.say("type.googleapis.com/other", "4", nil, res("x", "y"))
	if r = l.hear("type.googleapis.com/other"); r.ErrorDetail == nil {
		t.Error("a type that was not asked for is acknowledged")
	}
	if err := l.Send(&discoveryv3.DeltaDiscoveryResponse{TypeUrl: policy, Nonce: "5", Resources: []*discoveryv3.Resource{{Name: "q", Resource: &anypb.Any{TypeUrl: address}}}}); err != nil {
		t.Fatal(err)
	}
	if r = l.hear(policy); !strings.Contains(r.ErrorDetail.GetMessage(), "q: it is a") {
		t.Errorf("a resource of another type: %v", r)
	}
}

// Conformance 80: what was accepted is echoed after a reconnect, and what was rejected is not.
// Conformance 77: resources come, go and stay over streams.
func TestReconnectEchoesWhatItHas(t *testing.T) {
	var p port
	s := newScript()
	p.serve(t, s.Register)
	h := newHolder()
	c := startClient(t, &p, h, false)
	l := s.stream(t)
	l.hear(policy)
	l.say(policy, "1", nil, res("p", "one"))
	l.hear(policy)
	l.hear(address)
	l.say(address, "2", nil, res("a", "one"), res("b", "one"), res("c", "one"))
	l.hear(address)
	awaitReady(t, c)
	l.say(address, "3", []string{"a"}, res("b", "bad"))
	l.hear(address)
	s.ends <- nil

	l = s.stream(t)
	if r := l.hear(policy); r.InitialResourceVersions["p"] != "one" || len(r.InitialResourceVersions) != 1 || r.ResponseNonce != "" {
		t.Errorf("policies it has: %v", r)
	}
	if r := l.hear(address); r.InitialResourceVersions["c"] != "one" || r.InitialResourceVersions["b"] != "one" || len(r.InitialResourceVersions) != 2 {
		t.Errorf("addresses it has: %v", r)
	}
	h.await(t, "b=one c=one p=one") // what was known stays known
	l.say(address, "1", nil, res("b", "two"))
	l.hear(address)
	h.await(t, "b=two c=one p=one")
}

// What was held when its next form was rejected goes, though it goes while there is no stream.
func TestRejectedAndThenGone(t *testing.T) {
	var p port
	s := newServer()
	s.Replace(policy, []Resource{res("p", "one"), res("q", "one")})
	s.Replace(address, nil)
	p.serve(t, s.Register)
	h := newHolder()
	c := startClient(t, &p, h, false)
	awaitReady(t, c)
	s.Update(policy, []Resource{res("p", "bad"), res("q", "two")}, nil)
	h.await(t, "p=one q=two")
	p.stop()
	s = newServer()
	s.Replace(policy, []Resource{res("q", "two")})
	s.Replace(address, nil)
	p.serve(t, s.Register)
	h.await(t, "q=two")
}

// A resource that cannot be used, and of which it is known whom it is about, keeps nobody
// from being ready; and that it is there is said on the next stream, so that it can go.
func TestReadyWithoutAll(t *testing.T) {
	var p port
	s := newScript()
	p.serve(t, s.Register)
	c := startClient(t, &p, newHolder(), false)
	l := s.stream(t)
	l.hear(policy)
	l.say(policy, "1", nil, res("p", "bad"))
	if r := l.hear(policy); r.ErrorDetail == nil {
		t.Error("a policy that is bad is acknowledged")
	}
	l.hear(address)
	l.say(address, "2", nil, res("a", "one"))
	l.hear(address)
	awaitReady(t, c)
	s.ends <- nil
	r := s.stream(t).hear(policy)
	if version, there := r.InitialResourceVersions["p"]; !there || version != "" {
		t.Errorf("policies it knows of: %v", r)
	}
}

// Conformance 79: on demand nothing is asked for but what is demanded, each once, and again on a new stream.
func TestOnDemand(t *testing.T) {
	var p port
	s := newScript()
	p.serve(t, s.Register)
	h := newHolder()
	c := startClient(t, &p, h, true)
	c.Demand(address, "/10.0.0.1") // before there is a stream
	l := s.stream(t)
	l.hear(policy)
	l.say(policy, "1", nil)
	l.hear(policy)
	r := l.hear(address)
	if !slices.Equal(r.ResourceNamesSubscribe, []string{"*", "/10.0.0.1"}) || !slices.Equal(r.ResourceNamesUnsubscribe, []string{"*"}) {
		t.Errorf("first request %v", r)
	}
	l.say(address, "2", nil, res("a", "one"))
	l.hear(address)
	for range 3 {
		c.Demand(address, "/10.0.0.2")
	}
	if r = l.hear(address); !slices.Equal(r.ResourceNamesSubscribe, []string{"/10.0.0.2"}) || r.ResponseNonce != "" {
		t.Errorf("demand %v", r)
	}
	l.say(address, "3", []string{"/10.0.0.2"})
	l.hear(address)
	h.awaitGone(t, "/10.0.0.2")
	s.ends <- nil
	l = s.stream(t)
	l.hear(policy)
	if r = l.hear(address); !slices.Equal(r.ResourceNamesSubscribe, []string{"*", "/10.0.0.1", "/10.0.0.2"}) || r.InitialResourceVersions["a"] != "one" {
		t.Errorf("first request of a new stream %v", r)
	}
}

func TestDemandIsBounded(t *testing.T) {
	c := NewClient(ClientConfig{})
	for i := range maxDemanded {
		if !c.Demand(address, fmt.Sprint(i)) {
			t.Fatalf("number %d is refused", i)
		}
	}
	if c.Demand(address, "one more") || !c.Demand(address, "7") {
		t.Error("one more is kept, or a name that is known is refused")
	}
}

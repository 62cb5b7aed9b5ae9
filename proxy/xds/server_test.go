package xds

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"testing"

	corev3 "github.com/envoyproxy/go-control-plane/envoy/config/core/v3"
	discoveryv3 "github.com/envoyproxy/go-control-plane/envoy/service/discovery/v3"
)

func subscribe(typ string, names ...string) *discoveryv3.DeltaDiscoveryRequest {
	return &discoveryv3.DeltaDiscoveryRequest{TypeUrl: typ, Node: &corev3.Node{Id: "n"}, ResourceNamesSubscribe: names}
}

// Our server, seen by a client of the generated stubs alone.
func TestServerToStubs(t *testing.T) {
	var p port
	s := newServer()
	p.serve(t, s.Register)
	r := newRaw(t, &p)
	r.send(subscribe(policy))
	s.Update(address, nil, nil)
	s.Update(policy, nil, nil)
	r.want("") // nothing is an answer: its receiver may be waiting for it
	s.Update(address, []Resource{res("a", "one"), res("b", "one")}, nil)
	r.send(subscribe(address))
	r.want("a=one b=one")
	s.Update(address, []Resource{res("a", "two"), res("b", "one")}, []string{"c"})
	if m := r.want("a=two"); m.TypeUrl != address || m.Nonce == "" || m.SystemVersionInfo == "" {
		t.Errorf("response %v", m)
	}
	s.Replace(address, []Resource{res("c", "one")})
	r.want("-a -b c=one")
	r.send(subscribe("type.googleapis.com/unheard.of")) // must not end the stream
	s.Update(policy, []Resource{res("p", "one")}, nil)
	r.want("p=one")
}

// Until a response is answered no other of its type is sent, and what changed meanwhile
// comes as one, the newest of each.
func TestLatestWins(t *testing.T) {
	var p port
	s := newServer()
	s.Replace(policy, nil)
	s.Replace(address, nil)
	p.serve(t, s.Register)
	r := newRaw(t, &p)
	r.send(subscribe(policy))
	r.want("")
	r.send(subscribe(address))
	first, _ := r.next()
	for i := range 1000 {
		s.Update(address, []Resource{res("a", fmt.Sprint(i)), res(fmt.Sprint("t", i), "x")}, []string{fmt.Sprint("t", i-1)})
	}
	s.Update(policy, []Resource{res("p", "one")}, nil)
	r.want("p=one") // one type's silence does not hold up the other
	r.send(&discoveryv3.DeltaDiscoveryRequest{TypeUrl: address, ResponseNonce: "stale"})
	r.ack(first)
	m, _ := r.next()
	if len(m.Resources) != 2 || string(m.Resources[0].Resource.Value) != "999" || len(m.RemovedResources) != 999 {
		t.Errorf("%d resources, %d removed", len(m.Resources), len(m.RemovedResources))
	}
	s.Update(address, []Resource{res("a", "last")}, nil)
	r.send(&discoveryv3.DeltaDiscoveryRequest{TypeUrl: address, ResponseNonce: m.Nonce, ErrorDetail: refusal("no")})
	r.want("a=last") // a NACK answers, too; what was rejected is not sent again until it changes
}

// A proxy that comes back says what it has, and hears what is different.
func TestServerTellsWhoReturnsOnlyTheDifference(t *testing.T) {
	var p port
	s := newServer()
	p.serve(t, s.Register)
	s.Update(address, []Resource{res("same", "one"), res("changed", "two"), res("new", "one")}, nil)
	r := newRaw(t, &p)
	q := subscribe(address)
	q.InitialResourceVersions = map[string]string{"same": "one", "changed": "one", "gone": "one"}
	r.send(q)
	r.want("-gone changed=two new=one")
}

// On demand: by name or alias, with what belongs to it, followed from then on.
func TestServerOnDemand(t *testing.T) {
	var p port
	s := newServer()
	p.serve(t, s.Register)
	w := func(name, version string, groups ...string) Resource {
		return Resource{Name: name, Version: version, Value: []byte(version), Aliases: []string{"/ip-" + name}, Groups: groups}
	}
	s.Update(address, []Resource{w("w1", "one", "svc"), w("w2", "one", "svc"), w("w3", "one"), w("svc", "one")}, nil)
	r := newRaw(t, &p)
	q := subscribe(address, "*")
	q.ResourceNamesUnsubscribe = []string{"*"}
	r.send(q)
	r.want("")
	r.send(subscribe(address, "/ip-w3", "/ip-nobody"))
	r.want("-/ip-nobody w3=one")
	s.Update(address, []Resource{w("w1", "two", "svc"), w("w3", "two")}, nil)
	r.want("w3=two")
	r.send(subscribe(address, "/ip-svc"))
	r.want("svc=one w1=two w2=one")
	s.Update(address, []Resource{w("w4", "one", "svc")}, []string{"w2"})
	r.want("-w2 w4=one")
	s.Update(address, []Resource{w("nobody", "one")}, nil)
	r.want("nobody=one") // it was demanded before it was there
	q = subscribe(address)
	q.ResourceNamesUnsubscribe = []string{"w3", "/ip-w3"}
	r.send(q)
	r.send(subscribe(address, "last"))
	r.want("-last")
	s.Update(address, []Resource{w("w3", "three"), w("svc", "two")}, nil)
	r.want("svc=two")

	again := newRaw(t, &p) // and over a reconnect
	q = subscribe(address, "*")
	q.ResourceNamesUnsubscribe, q.InitialResourceVersions = []string{"*"}, map[string]string{"w4": "zero", "w1": "two"}
	again.send(q)
	again.want("w4=one")
	s.Update(address, []Resource{w("w1", "three", "svc"), w("w5", "one", "svc")}, nil)
	again.want("w1=three")
}

// Each stream has its own view; what leaves a view is removed from it, and what was
// never in it is not spoken of.
func TestViews(t *testing.T) {
	var p port
	s := newServer(func(c *ServerConfig) {
		c.View = func(_ context.Context, n *corev3.Node) (View, error) {
			if n.GetId() == "stranger" {
				return nil, errors.New("no")
			}
			return func(r *Resource) bool { return r.Scope == n.GetId() }, nil
		}
	})
	p.serve(t, s.Register)
	in := func(scope, name, version string) Resource {
		r := res(name, version)
		r.Scope = scope
		return r
	}
	s.Update(address, []Resource{in("a", "x", "one"), in("b", "y", "one")}, nil)
	var all []*raw
	for _, id := range []string{"a", "b"} {
		r := newRaw(t, &p)
		q := subscribe(address)
		q.Node.Id = id
		r.send(q)
		all = append(all, r)
	}
	all[0].want("x=one")
	all[1].want("y=one")
	s.Update(address, []Resource{in("b", "x", "two")}, nil)
	all[0].want("-x")
	all[1].want("x=two")
	s.Update(address, []Resource{in("b", "z", "one")}, []string{"y"})
	all[1].want("-y z=one")
	s.Update(address, []Resource{in("a", "v", "one")}, nil)
	all[0].want("v=one")

	stranger := newRaw(t, &p)
	q := subscribe(address)
	q.Node.Id = "stranger"
	stranger.send(q)
	if err := <-stranger.ended; err == nil {
		t.Error("a stranger is served")
	}
}

// A stream that is behind further than removals are remembered is ended, and finds
// out when it comes again.
func TestTooFarBehind(t *testing.T) {
	s := newStore()
	s.keep = 1000
	var set []Resource
	var names []string
	for i := range s.keep + 1 {
		names = append(names, fmt.Sprint(i))
		set = append(set, res(names[i], "x"))
	}
	s.update(set, nil)
	_, seq := s.all()
	s.update(nil, names[:10])
	if changed, _, ok := s.since(seq); !ok || len(changed) != 10 {
		t.Errorf("%d changed, %v", len(changed), ok)
	}
	s.update([]Resource{res("kept", "x")}, names)
	if _, _, ok := s.since(seq); ok {
		t.Error("removals are forgotten, and a stream from before them is not told")
	}
	changed, now, ok := s.since(s.horizon)
	if there, _ := s.all(); !ok || now != s.seq || len(changed) != s.keep/2 || len(there) != 1 || there[0].Name != "kept" {
		t.Errorf("%d changed, %d are there", len(changed), len(there))
	}
}

// Superseded changes do not pile up.
func TestStoreForgetsWhatIsSuperseded(t *testing.T) {
	s := newStore()
	s.update([]Resource{res("b", "x")}, nil)
	for i := range 10_000 {
		s.update([]Resource{res("a", fmt.Sprint(i))}, nil)
	}
	if len(s.changed) > 2000 {
		t.Errorf("%d changes are kept of two resources", len(s.changed))
	}
	if changed, _, _ := s.since(1); len(changed) != 1 || changed[0].Version != "9999" {
		t.Errorf("since the first: %d", len(changed))
	}
}

// A proxy that reads nothing, or has died, costs nobody else anything.
func TestASlowProxyIsAlone(t *testing.T) {
	var p port
	s := newServer()
	p.serve(t, s.Register)
	big := strings.Repeat("x", 1<<20)
	s.Update(policy, nil, nil)
	s.Update(address, []Resource{res("a", big)}, nil)
	for range 3 { // flow control stops the server's goroutines for these
		conn, err := p.dial()
		if err != nil {
			t.Fatal(err)
		}
		ctx, cancel := context.WithCancel(t.Context())
		stuck, err := discoveryv3.NewAggregatedDiscoveryServiceClient(conn).DeltaAggregatedResources(ctx)
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() { cancel(); conn.Close() })
		if err := stuck.Send(subscribe(address)); err != nil {
			t.Fatal(err)
		}
	}
	h := newHolder()
	startClient(t, &p, h, false)
	h.await(t, "a="+big)
	for i := range 100 {
		s.Update(address, []Resource{res("a", fmt.Sprint(big, i))}, nil)
	}
	h.await(t, fmt.Sprint("a=", big, 99))
}

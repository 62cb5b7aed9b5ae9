package cell

import (
	"context"
	"errors"
	"net/netip"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/bulkhead-mesh/bulkhead/identity"
	"github.com/bulkhead-mesh/bulkhead/proxy"
	"github.com/bulkhead-mesh/bulkhead/proxy/mesh"
)

// oracle is a feed that answers what it is told to.
type oracle struct {
	asked  atomic.Int64
	answer func(n int64) (mesh.Answer, error)
}

func (o *oracle) Events() <-chan Event { return nil }
func (o *oracle) Sign(context.Context, identity.ID, []byte) ([][]byte, [][]byte, error) {
	return nil, nil, errors.New("not asked for")
}
func (o *oracle) Resolve(context.Context, string, netip.AddrPort) (mesh.Answer, error) {
	return o.answer(o.asked.Add(1))
}

var somewhere = netip.MustParseAddrPort("10.0.0.1:80")

func TestResolverAsksOnce(t *testing.T) {
	o := &oracle{answer: func(int64) (mesh.Answer, error) { return mesh.Answer{Kind: mesh.NotMesh, Version: 1}, nil }}
	r := newResolver(o, "a/web")
	for range 3 {
		if a, err := r.Resolve(t.Context(), somewhere); err != nil || a.Kind != mesh.NotMesh {
			t.Fatal(a, err)
		}
	}
	r.invalidate(2)
	if o.asked.Load() != 1 {
		t.Errorf("asked %d times, want 1", o.asked.Load())
	}
}

// A push changes a workload and an address that it has asked for: the keeper says so in
// two messages of one version, and each counts, whichever comes first.
func TestResolverHearsBothMessagesOfAVersion(t *testing.T) {
	addresses := func(r *resolver) { r.outdate(2, []netip.Addr{netip.MustParseAddr("10.0.0.2")}) }
	workload := func(r *resolver) { r.invalidate(2) }
	for name, messages := range map[string][]func(*resolver){
		"addresses first": {addresses, workload}, "workload first": {workload, addresses},
	} {
		t.Run(name, func(t *testing.T) {
			o := &oracle{answer: func(n int64) (mesh.Answer, error) { return mesh.Answer{Kind: mesh.NotMesh, Version: uint64(n)}, nil }}
			r := newResolver(o, "a/web")
			for range 2 {
				if _, err := r.Resolve(t.Context(), somewhere); err != nil {
					t.Fatal(err)
				}
				for _, m := range messages {
					m(r)
				}
			}
			if o.asked.Load() != 2 {
				t.Errorf("asked %d times, want 2: an answer of before the push, and one of its version", o.asked.Load())
			}
			if len(r.answers) != 1 {
				t.Errorf("%d answers kept, want the one of the push's version", len(r.answers))
			}
		})
	}
}

// An answer older than an invalidation that overtook it is asked for again.
func TestResolverDropsOvertakenAnswers(t *testing.T) {
	var r *resolver
	o := &oracle{answer: func(n int64) (mesh.Answer, error) {
		if n == 1 {
			r.invalidate(5) // arrives while the answer is on its way
			return mesh.Answer{Kind: mesh.NotMesh, Version: 4}, nil
		}
		return mesh.Answer{Kind: mesh.Mesh, Version: 5}, nil
	}}
	r = newResolver(o, "a/web")
	a, err := r.Resolve(t.Context(), somewhere)
	if err != nil || a.Kind != mesh.Mesh {
		t.Errorf("got %v, %v; want the newer answer", a.Kind, err)
	}
}

// What a workload makes its cell remember is bounded, by what it costs: services with many
// endpoints are fewer answers.
func TestResolverRemembersSoMuch(t *testing.T) {
	answer := mesh.Answer{Kind: mesh.Mesh, Version: 1, Endpoints: make([]mesh.Endpoint, 63)}
	o := &oracle{answer: func(int64) (mesh.Answer, error) { return answer, nil }}
	r := newResolver(o, "a/web")
	for i := range 1000 {
		if _, err := r.Resolve(t.Context(), netip.AddrPortFrom(somewhere.Addr(), uint16(i))); err != nil {
			t.Fatal(err)
		}
		if len(r.answers) > maxAnswers/64 || r.size != 64*len(r.answers) {
			t.Fatalf("%d answers of size %d", len(r.answers), r.size)
		}
	}
	r.invalidate(2)
	if r.size != 0 || len(r.answers) != 0 {
		t.Errorf("%d answers of size %d after an invalidation", len(r.answers), r.size)
	}
}

// Unknown waits five seconds and then fails; it is never passthrough (I1).
// Conformance 66: it never comes, and the connection fails.
// Conformance 66: what is not known in time fails.
func TestResolverUnknownFailsClosed(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		o := &oracle{answer: func(int64) (mesh.Answer, error) { return mesh.Answer{Kind: mesh.Unknown}, nil }}
		r := newResolver(o, "a/web")
		begin := time.Now()
		_, err := r.Resolve(t.Context(), somewhere)
		if !errors.Is(err, proxy.ErrUnknownDestination) {
			t.Errorf("error %v, want ErrUnknownDestination", err)
		}
		if waited := time.Since(begin); waited != unknownWait {
			t.Errorf("waited %v, want %v", waited, unknownWait)
		}
	})
}

// Conformance 66: it comes while it is waited for.
// Conformance 66: what becomes known in time is used.
func TestResolverUnknownIsAskedAgainAfterAPush(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		o := &oracle{answer: func(n int64) (mesh.Answer, error) {
			if n == 1 {
				return mesh.Answer{Kind: mesh.Unknown}, nil
			}
			return mesh.Answer{Kind: mesh.Mesh, Version: 1}, nil
		}}
		r := newResolver(o, "a/web")
		go func() { time.Sleep(time.Second); r.invalidate(1) }()
		a, err := r.Resolve(t.Context(), somewhere)
		if err != nil || a.Kind != mesh.Mesh {
			t.Errorf("got %v, %v", a.Kind, err)
		}
	})
}

// Another keeper numbers its snapshots anew; its answers must not look old.
func TestResolverForgetsVersionsOfAnotherKeeper(t *testing.T) {
	o := &oracle{answer: func(int64) (mesh.Answer, error) { return mesh.Answer{Kind: mesh.NotMesh, Version: 1}, nil }}
	r := newResolver(o, "a/web")
	r.invalidate(900)
	r.invalidate(0)
	if _, err := r.Resolve(t.Context(), somewhere); err != nil {
		t.Error(err)
	}
}

// A push makes a workload ask again only for the addresses that it names.
func TestResolverForgetsOnlyWhatAPushNames(t *testing.T) {
	o := &oracle{answer: func(n int64) (mesh.Answer, error) { return mesh.Answer{Kind: mesh.NotMesh, Version: uint64(n)}, nil }}
	r := newResolver(o, "a/web")
	elsewhere := netip.MustParseAddrPort("10.0.0.2:80")
	ask := func() {
		for _, dst := range []netip.AddrPort{somewhere, elsewhere} {
			if _, err := r.Resolve(t.Context(), dst); err != nil {
				t.Fatal(err)
			}
		}
	}
	ask()
	r.outdate(2, nil)
	ask()
	if o.asked.Load() != 2 {
		t.Errorf("asked %d times after a push that names nothing, want 2", o.asked.Load())
	}
	r.outdate(3, []netip.Addr{elsewhere.Addr()})
	ask()
	if o.asked.Load() != 3 {
		t.Errorf("asked %d times after a push that names one of two, want 3", o.asked.Load())
	}
}

// An answer that a push overtook is not kept, even if the push names another address.
func TestResolverAsksAgainForWhatAPushOvertook(t *testing.T) {
	var r *resolver
	o := &oracle{answer: func(n int64) (mesh.Answer, error) {
		if n == 1 {
			r.outdate(2, []netip.Addr{somewhere.Addr()})
		}
		return mesh.Answer{Kind: mesh.Mesh, Version: uint64(n)}, nil
	}}
	r = newResolver(o, "a/web")
	if a, err := r.Resolve(t.Context(), somewhere); err != nil || a.Version != 2 {
		t.Errorf("answer of version %d, %v; want the one that is newer than the push", a.Version, err)
	}
}

func TestInvalidateMeansAllOrWhatItNames(t *testing.T) {
	one := []netip.Addr{somewhere.Addr()}
	for name, c := range map[string]struct {
		i         Invalidate
		all       bool
		addresses int
	}{
		"everything":       {Invalidate{Version: 1}, true, 0},
		"addresses":        {Invalidate{Version: 1, Addresses: one}, false, 1},
		"another workload": {Invalidate{Version: 1, Workloads: []string{"b/other"}}, false, 0},
		"this workload":    {Invalidate{Version: 1, Workloads: []string{"b/other", "a/web"}}, true, 0},
	} {
		if addresses, all := c.i.of("a/web"); all != c.all || len(addresses) != c.addresses {
			t.Errorf("%s: %d addresses, all %v", name, len(addresses), all)
		}
	}
}

package workloadapi_test

import (
	"context"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/x509"
	"log/slog"
	"net"
	"path/filepath"
	"slices"
	"testing"
	"time"

	"github.com/spiffe/go-spiffe/v2/proto/spiffe/workload"
	"go.uber.org/goleak"
	"google.golang.org/grpc"

	"github.com/bulkhead-mesh/bulkhead/identity"
	"github.com/bulkhead-mesh/bulkhead/identity/ca"
	"github.com/bulkhead-mesh/bulkhead/identity/issuer"
	"github.com/bulkhead-mesh/bulkhead/identity/workloadapi"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

const hang = 60 * time.Second // fires only if something hangs

// agent serves the Workload API with what the test pushes.
type agent struct {
	workload.UnimplementedSpiffeWorkloadAPIServer
	push chan *workload.X509SVIDResponse
}

func (a *agent) FetchX509SVID(_ *workload.X509SVIDRequest, s grpc.ServerStreamingServer[workload.X509SVIDResponse]) error {
	for {
		select {
		case r := <-a.push:
			if err := s.Send(r); err != nil {
				return err
			}
		case <-s.Context().Done():
			return s.Context().Err()
		}
	}
}

func serve(t *testing.T, socket string, a *agent) (stop func()) {
	t.Helper()
	l, err := net.Listen("unix", socket)
	if err != nil {
		t.Fatal(err)
	}
	s := grpc.NewServer(grpc.WaitForHandlers(true))
	workload.RegisterSpiffeWorkloadAPIServer(s, a)
	done := make(chan error, 1)
	go func() { done <- s.Serve(l) }()
	return func() { s.Stop(); <-done }
}

// svids is what an agent says of these identities.
func svids(t *testing.T, authority *ca.CA, names ...string) *workload.X509SVIDResponse {
	t.Helper()
	r := &workload.X509SVIDResponse{}
	for _, name := range names {
		id, err := identity.Parse(name)
		if err != nil {
			t.Fatal(err)
		}
		key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
		if err != nil {
			t.Fatal(err)
		}
		csr, err := issuer.NewCSR(key, id)
		if err != nil {
			t.Fatal(err)
		}
		chain, roots, err := authority.Sign(csr, id, 0)
		if err != nil {
			t.Fatal(err)
		}
		der, err := x509.MarshalPKCS8PrivateKey(key)
		if err != nil {
			t.Fatal(err)
		}
		r.Svids = append(r.Svids, &workload.X509SVID{
			SpiffeId: name, X509Svid: slices.Concat(chain...), X509SvidKey: der, Bundle: slices.Concat(roots...),
		})
	}
	return r
}

// The SVID of the identity is taken, a newer one replaces it, and it is kept when the agent goes away or has no more.
func TestSource(t *testing.T) {
	authority, err := ca.New(ca.Options{TrustDomain: "td"})
	if err != nil {
		t.Fatal(err)
	}
	const own, other = "spiffe://td/ns/a/sa/b", "spiffe://td/ns/a/sa/c"
	id, err := identity.Parse(own)
	if err != nil {
		t.Fatal(err)
	}
	socket := filepath.Join(t.TempDir(), "agent.sock")
	a := &agent{push: make(chan *workload.X509SVIDResponse)}
	stop := serve(t, socket, a)
	src := workloadapi.New(id, "unix://"+socket, slog.New(slog.DiscardHandler))
	ctx, cancel := context.WithCancel(t.Context())
	ended := make(chan error, 1)
	go func() { ended <- src.Run(ctx) }()
	if _, err := src.SVID(); err != identity.ErrNoSVID {
		t.Errorf("before the first: %v", err)
	}
	a.push <- svids(t, authority, other)
	a.push <- svids(t, authority, other, own)
	select {
	case <-src.Ready():
	case <-time.After(hang):
		t.Fatal("no SVID")
	}
	first, err := src.SVID()
	if err != nil || first.ID != id {
		t.Fatalf("%v, %v", first, err)
	}
	a.push <- svids(t, authority, own)
	for end := time.Now().Add(hang); ; time.Sleep(time.Millisecond) {
		if now, err := src.SVID(); err != nil {
			t.Fatal(err)
		} else if now != first {
			first = now
			break
		}
		if time.Now().After(end) {
			t.Fatal("the newer one is not taken")
		}
	}
	a.push <- svids(t, authority, other) // it was taken from the workload: what is valid stays
	a.push <- svids(t, authority, other)
	stop()
	if now, err := src.SVID(); err != nil || now != first {
		t.Errorf("without an agent: %v", err)
	}
	cancel()
	if err := <-ended; err != nil {
		t.Errorf("Run ended with %v", err)
	}
}

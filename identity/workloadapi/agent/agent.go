// Package agent serves the SPIFFE Workload API to tests, with SVIDs of a CA: what an agent such as SPIRE's does, without its
// attestation. No executable links it.
package agent

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/x509"
	"net"
	"slices"
	"testing"

	"github.com/spiffe/go-spiffe/v2/proto/spiffe/workload"
	"google.golang.org/grpc"

	"github.com/bulkhead-mesh/bulkhead/identity"
	"github.com/bulkhead-mesh/bulkhead/identity/ca"
	"github.com/bulkhead-mesh/bulkhead/identity/issuer"
)

// Agent tells whoever watches it what a test pushes. Each push goes to one of them.
type Agent struct {
	workload.UnimplementedSpiffeWorkloadAPIServer
	push chan *workload.X509SVIDResponse
	stop func()
}

// Serve listens on a unix socket until Stop.
func Serve(t testing.TB, socket string) *Agent {
	t.Helper()
	l, err := net.Listen("unix", socket)
	if err != nil {
		t.Fatal(err)
	}
	s := grpc.NewServer(grpc.WaitForHandlers(true))
	done := make(chan error, 1)
	a := &Agent{push: make(chan *workload.X509SVIDResponse), stop: func() { s.Stop(); <-done }}
	workload.RegisterSpiffeWorkloadAPIServer(s, a)
	go func() { done <- s.Serve(l) }()
	return a
}

// Stop ends the agent: its watchers are cut.
func (a *Agent) Stop() { a.stop() }

// Push waits for a watcher and tells it that it has these identities.
func (a *Agent) Push(t testing.TB, authority *ca.CA, ids ...identity.ID) {
	t.Helper()
	r := &workload.X509SVIDResponse{}
	for _, id := range ids {
		r.Svids = append(r.Svids, svid(t, authority, id))
	}
	a.push <- r
}

// FetchX509SVID is the API's call: a stream of what a workload has.
func (a *Agent) FetchX509SVID(_ *workload.X509SVIDRequest, s grpc.ServerStreamingServer[workload.X509SVIDResponse]) error {
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

func svid(t testing.TB, authority *ca.CA, id identity.ID) *workload.X509SVID {
	t.Helper()
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
	return &workload.X509SVID{SpiffeId: id.String(), X509Svid: slices.Concat(chain...), X509SvidKey: der, Bundle: slices.Concat(roots...)}
}

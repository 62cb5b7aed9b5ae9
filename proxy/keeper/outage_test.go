package keeper

import (
	"errors"
	"fmt"
	"net"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"google.golang.org/grpc"
	security "istio.io/api/security/v1alpha1"

	"github.com/bulkhead-mesh/bulkhead/identity"
	"github.com/bulkhead-mesh/bulkhead/identity/bearer"
	"github.com/bulkhead-mesh/bulkhead/identity/ca"
	"github.com/bulkhead-mesh/bulkhead/proxy/admin"
	"github.com/bulkhead-mesh/bulkhead/redirect/netns/sandbox"
)

// shortLife is that of SVIDs in an outage that lasts longer than one.
const shortLife = 20 * time.Second

// away is a CA that comes and goes, on the node's socket.
type away struct {
	node      *node
	authority *ca.CA
	tokens    *bearer.Tokens
	stop      func() // nil: it is away
}

func (a *away) serve(t *testing.T) {
	t.Helper()
	l, err := net.Listen("unix", filepath.Join(a.node.dir, "ca.sock"))
	if err != nil {
		t.Fatal(err)
	}
	server := grpc.NewServer(append(a.tokens.ServerOptions(), grpc.WaitForHandlers(true))...)
	security.RegisterIstioCertificateServiceServer(server, a.authority.Service(granted))
	done := make(chan error, 1)
	go func() { done <- server.Serve(l) }()
	a.stop = func() { server.Stop(); <-done; a.stop = func() {} }
}

func startNodeWithShortSVIDs(t *testing.T, extra string) *node {
	t.Helper()
	bin, err := executables()
	if err != nil {
		t.Fatal(err)
	}
	authority, err := ca.New(ca.Options{TrustDomain: "cluster.local", TTL: shortLife, MaxTTL: shortLife})
	if err != nil {
		t.Fatal(err)
	}
	tokens, err := bearer.NewTokens([]bearer.Grant{{Token: "x", Identities: []identity.ID{idOf(t, "client"), idOf(t, "server")}}})
	if err != nil {
		t.Fatal(err)
	}
	n := &node{Pair: sandbox.NewPair(t), dir: t.TempDir(), stderr: &lockedBuffer{}}
	a := &away{node: n, authority: authority, tokens: tokens}
	n.away = a
	n.write(t, "token", "x")
	a.serve(t)
	t.Cleanup(func() { a.stop() })
	n.write(t, "mesh.yaml", n.meshFile())
	n.write(t, "node.yaml", fmt.Sprintf("node: n\nmesh: %[1]s/mesh.yaml\nca: {socket: %[1]s/ca.sock, token: %[1]s/token}\nadmin: %[1]s/admin.sock\ndrain: 1s\n%[2]s", n.dir, extra))
	n.launch(t, bin)
	n.addPod(t, "a/client", n.A)
	n.addPod(t, "a/server", n.B)
	return n
}

// survival is what `who` says of the cells of both pods: the first end of all.
func (n *node) survival(t *testing.T) *admin.Survival {
	t.Helper()
	var first *admin.Survival
	eventually(t, "every cell has said what it holds", func() error {
		first = nil
		for _, c := range n.who(t).Cells {
			if c.Survival == nil {
				return errors.New("not yet")
			}
			if first == nil || c.Survival.Until.Before(first.Until) {
				first = c.Survival
			}
		}
		return nil
	})
	return first
}

// I5: without a CA for longer than half the life of an SVID, the connection that is open
// goes on and new ones are made, for as long as `who` said, within a tenth. Then it fails
// closed, and the CA's return is enough.
//
// Conformance 42: a valid SVID is kept through an outage.
// Conformance 29: an expired one is used no more.
func TestAnOutageOfTheCA(t *testing.T) {
	eachTransportFrom(t, func(t *testing.T, more string) *node {
		t.Parallel() // it takes as long as an SVID lives
		return startNodeWithShortSVIDs(t, "isolation: workload\n"+more)
	}, outlastsTheCA)
}

func outlastsTheCA(t *testing.T, n *node) {
	eventually(t, "the pods talk", n.roundTrip)
	open := n.hold(t)
	n.away.stop()
	if err := os.Remove(filepath.Join(n.dir, "ca.sock")); err != nil && !errors.Is(err, os.ErrNotExist) {
		t.Fatal(err)
	}
	began, budget := time.Now(), n.survival(t)
	for time.Now().Before(budget.Until.Add(-time.Second)) {
		if err := errors.Join(n.roundTrip(), say(open, "meanwhile")); err != nil {
			t.Fatalf("%v after the CA went, of %.1f s that were said to be left: %v", time.Since(began), budget.Seconds, err)
		}
		time.Sleep(50 * time.Millisecond)
	}
	eventually(t, "it fails closed", func() error {
		if n.roundTrip() == nil {
			return errors.New("a new connection is made")
		}
		return nil
	})
	lasted, said := time.Since(began).Seconds(), budget.Seconds
	t.Logf("said: %.2f s, lasted: %.2f s", said, lasted)
	if lasted > 1.1*said || lasted < 0.9*said {
		t.Errorf("said to last %.2f s, and lasted %.2f s", said, lasted)
	}
	if err := say(open, "after"); err != nil {
		t.Errorf("the connection that was open is cut: %v", err)
	}
	if !strings.Contains(n.stderr.String(), "own-svid-expired") {
		t.Error("no access line says own-svid-expired")
	}
	n.away.serve(t)
	back := time.Now()
	eventually(t, "the pods talk again", n.roundTrip)
	t.Logf("%.2f s after the return of the CA they talk again", time.Since(back).Seconds())
}

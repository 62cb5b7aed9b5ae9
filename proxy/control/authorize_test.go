package control_test

import (
	"context"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"errors"
	"net"
	"os"
	"path/filepath"
	"testing"
	"time"

	"google.golang.org/grpc/codes"

	"github.com/bulkhead-mesh/bulkhead/identity"
	"github.com/bulkhead-mesh/bulkhead/identity/bearer"
	"github.com/bulkhead-mesh/bulkhead/identity/issuer"
	"github.com/bulkhead-mesh/bulkhead/identity/issuer/caclient"
	"github.com/bulkhead-mesh/bulkhead/proxy/control"
)

const oneEach = `
trustDomain: td
workloads:
- {uid: a/b, name: b, namespace: a, serviceAccount: b, node: n1, addresses: [10.0.0.1]}
- {uid: a/c, name: c, namespace: a, serviceAccount: c, node: n2, addresses: [10.0.0.2]}
services: []
policies: []
`

// askFor asks a CA for an identity and returns the code of the answer.
func askFor(t testing.TB, c caclient.Config, m caclient.Mode, id string) codes.Code {
	t.Helper()
	client, err := caclient.New(c, m)
	if err != nil {
		t.Fatal(err)
	}
	defer client.Close()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	csr, err := issuer.NewCSR(key, mustID(t, id))
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithTimeout(t.Context(), hang)
	defer cancel()
	chain, roots, err := client.Sign(ctx, mustID(t, id), csr)
	if refused, ok := errors.AsType[*caclient.StatusError](err); ok {
		return refused.Code
	}
	if err != nil {
		t.Fatal(err)
	}
	if svid, err := identity.NewSVID(key, chain, roots); err != nil || svid.ID.String() != id {
		t.Errorf("what came is no SVID of %s: %v", id, err)
	}
	return codes.OK
}

func writeFile(t testing.TB, path, text string) string {
	t.Helper()
	if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	return path
}

// A node may have what runs on it, and says that it impersonates; what moves away is no longer its to ask for.
func TestNodes(t *testing.T) {
	dir := t.TempDir()
	cfg := control.Config{
		TrustDomain: "td", Socket: filepath.Join(dir, "ca.sock"), Mesh: writeFile(t, filepath.Join(dir, "mesh.yaml"), oneEach),
		Tokens: []bearer.Grant{{Token: "1", Node: "n1"}, {Token: "2", Node: "n2"}, {Token: "c", Identities: []identity.ID{mustID(t, "spiffe://td/ns/a/sa/c")}}},
	}
	start(t, cfg)
	ask := func(token string, m caclient.Mode, id string) codes.Code {
		return askFor(t, caclient.Config{Socket: cfg.Socket, Token: writeFile(t, filepath.Join(dir, "token"), token)}, m, id)
	}
	const b, c = "spiffe://td/ns/a/sa/b", "spiffe://td/ns/a/sa/c"
	for end := time.Now().Add(hang); ask("1", caclient.Impersonating, b) != codes.OK; { // until the mesh is read
		if time.Now().After(end) {
			t.Fatal("the node gets nothing")
		}
	}
	for _, test := range []struct {
		name, token string
		mode        caclient.Mode
		id          string
		want        codes.Code
	}{
		{"what runs on the other node", "1", caclient.Impersonating, c, codes.PermissionDenied},
		{"the other node", "2", caclient.Impersonating, c, codes.OK},
		{"a node without saying so", "1", caclient.Itself, b, codes.PermissionDenied},
		{"a workload for itself", "c", caclient.Itself, c, codes.OK},
		{"a workload for another", "c", caclient.Impersonating, b, codes.PermissionDenied},
		{"what runs nowhere", "1", caclient.Impersonating, "spiffe://td/ns/a/sa/x", codes.PermissionDenied},
		{"a stranger", "3", caclient.Impersonating, b, codes.Unauthenticated},
	} {
		if got := ask(test.token, test.mode, test.id); got != test.want {
			t.Errorf("%s: %v; want %v", test.name, got, test.want)
		}
	}
	two := `- {uid: a/b, name: b, namespace: a, serviceAccount: b, node: n2, addresses: [10.0.0.1]}`
	writeFile(t, cfg.Mesh, "trustDomain: td\nworkloads:\n"+two+"\nservices: []\npolicies: []\n")
	for end := time.Now().Add(hang); ask("1", caclient.Impersonating, b) != codes.PermissionDenied; {
		if time.Now().After(end) {
			t.Fatal("the workload has moved, and its old node may still have its identity")
		}
	}
}

// TestAddress: the same over TLS, for those who have the roots.
func TestAddress(t *testing.T) {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	address := l.Addr().String()
	l.Close()
	dir := t.TempDir()
	cfg := testConfig(t)
	cfg.Address, cfg.RootsFile = address, filepath.Join(dir, "roots.pem")
	start(t, cfg)
	token := writeFile(t, filepath.Join(dir, "token"), "x")
	const id = "spiffe://td/ns/a/sa/b"
	if got := askFor(t, caclient.Config{Address: address, Roots: cfg.RootsFile, Token: token}, caclient.Itself, id); got != codes.OK {
		t.Errorf("by its address: %v", got)
	}
	other := testConfig(t)
	other.Address, other.RootsFile = "127.0.0.1:0", filepath.Join(dir, "other.pem")
	start(t, other)
	if got := askFor(t, caclient.Config{Address: address, Roots: other.RootsFile, Token: token}, caclient.Itself, id); got != codes.Unavailable {
		t.Errorf("with the roots of another: %v", got)
	}
}

package caclient_test

import (
	"context"
	"encoding/pem"
	"errors"
	"io/fs"
	"net"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"google.golang.org/grpc"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/metadata"
	"google.golang.org/grpc/status"
	"google.golang.org/protobuf/proto"
	security "istio.io/api/security/v1alpha1"

	"github.com/bulkhead-mesh/bulkhead/identity"
	"github.com/bulkhead-mesh/bulkhead/identity/bearer"
	"github.com/bulkhead-mesh/bulkhead/identity/issuer/caclient"
)

// fakeCA answers on a unix socket as the test wants. The real one is in the tests of identity/ca and proxy/control.
type fakeCA struct {
	security.UnimplementedIstioCertificateServiceServer
	answer func(context.Context, *security.IstioCertificateRequest) (*security.IstioCertificateResponse, error)
}

func (f *fakeCA) CreateCertificate(ctx context.Context, q *security.IstioCertificateRequest) (*security.IstioCertificateResponse, error) {
	return f.answer(ctx, q)
}

type answer = func(context.Context, *security.IstioCertificateRequest) (*security.IstioCertificateResponse, error)

func serve(t testing.TB, socket string, a answer) (stop func()) {
	t.Helper()
	l, err := net.Listen("unix", socket)
	if err != nil {
		t.Fatal(err)
	}
	s := grpc.NewServer(grpc.WaitForHandlers(true))
	security.RegisterIstioCertificateServiceServer(s, &fakeCA{answer: a})
	ended := make(chan error, 1)
	go func() { ended <- s.Serve(l) }()
	stopped := false
	stop = func() {
		if !stopped {
			stopped = true
			s.Stop()
			<-ended
		}
	}
	t.Cleanup(stop)
	return stop
}

// newClient makes a client with a token in a file.
func newClient(t testing.TB, socket string, m caclient.Mode) (c *caclient.Client, token string) {
	t.Helper()
	token = filepath.Join(t.TempDir(), "token")
	writeToken(t, token, "x")
	c, err := caclient.New(caclient.Config{Socket: socket, Token: token}, m)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { c.Close() })
	return c, token
}

func writeToken(t testing.TB, path, text string) {
	t.Helper()
	if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
}

func testID(t testing.TB) identity.ID {
	id, err := identity.New("td", "a", "b")
	if err != nil {
		t.Fatal(err)
	}
	return id
}

func certificate(content string) string {
	return string(pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: []byte(content)}))
}

func response(elements ...string) *security.IstioCertificateResponse {
	return &security.IstioCertificateResponse{CertChain: elements}
}

// Conformance 30: leaf and intermediates come one by one, and the roots are the last element.
// Conformance 31: that last element may hold several roots.
// Conformance 36: a certificate is fetched with token, CSR, lifetime and the identity that is impersonated.
func TestRequest(t *testing.T) {
	socket := filepath.Join(t.TempDir(), "ca.sock")
	var auth, cluster []string
	var asked *security.IstioCertificateRequest
	serve(t, socket, func(ctx context.Context, q *security.IstioCertificateRequest) (*security.IstioCertificateResponse, error) {
		md, _ := metadata.FromIncomingContext(ctx)
		auth, cluster, asked = md["authorization"], md["clusterid"], q
		return response(certificate("1"), certificate("2"), certificate("3")+certificate("4")), nil
	})
	for mode, impersonated := range map[caclient.Mode]string{caclient.Itself: "", caclient.Impersonating: testID(t).String()} {
		c, file := newClient(t, socket, mode)
		for _, token := range []string{"first", "second"} { // read anew at each call
			writeToken(t, file, " "+token+"\n")
			chain, roots, err := c.SignFor(t.Context(), testID(t), []byte("csr"), time.Minute)
			if err != nil || len(chain) != 2 || string(chain[1]) != "2" || len(roots) != 2 || string(roots[1]) != "4" {
				t.Fatalf("%v, %v, %v", chain, roots, err)
			}
			if len(auth) != 1 || auth[0] != "Bearer "+token || len(cluster) != 1 || cluster[0] != "Kubernetes" {
				t.Errorf("authorization %v, clusterid %v; want the token %s", auth, cluster, token)
			}
		}
		if got := asked.GetMetadata().GetFields()["ImpersonatedIdentity"].GetStringValue(); got != impersonated {
			t.Errorf("mode %v impersonates %q", mode, got)
		}
		if b, _ := pem.Decode([]byte(asked.GetCsr())); b == nil || b.Type != "CERTIFICATE REQUEST" || string(b.Bytes) != "csr" || asked.GetValidityDuration() != 60 {
			t.Errorf("asked %v", asked)
		}
	}
}

func TestAnswers(t *testing.T) {
	key := string(pem.EncodeToMemory(&pem.Block{Type: "PRIVATE KEY", Bytes: []byte("1")}))
	tests := []struct {
		name     string
		elements []string
	}{
		// Conformance 34: an empty chain is an error.
		{"empty", nil},
		{"a leaf and no roots", []string{certificate("1")}},
		{"garbage", []string{certificate("1"), "garbage"}},
		{"an empty element", []string{"", certificate("2")}},
		{"two in an element", []string{certificate("1") + certificate("2"), certificate("3")}},
		{"a key", []string{certificate("1"), key}},
		{"too long", []string{certificate(strings.Repeat("x", 300<<10)), certificate("2")}},
	}
	for _, test := range tests {
		socket := filepath.Join(t.TempDir(), "ca.sock")
		serve(t, socket, func(context.Context, *security.IstioCertificateRequest) (*security.IstioCertificateResponse, error) {
			return response(test.elements...), nil
		})
		c, _ := newClient(t, socket, caclient.Itself)
		if chain, roots, err := c.Sign(t.Context(), testID(t), []byte("csr")); err == nil || chain != nil || roots != nil {
			t.Errorf("%s: %v, %v, %v", test.name, chain, roots, err)
		}
	}
}

func TestRefusal(t *testing.T) {
	socket := filepath.Join(t.TempDir(), "ca.sock")
	serve(t, socket, func(context.Context, *security.IstioCertificateRequest) (*security.IstioCertificateResponse, error) {
		return nil, status.Error(codes.PermissionDenied, "not good for this")
	})
	c, _ := newClient(t, socket, caclient.Itself)
	_, _, err := c.Sign(t.Context(), testID(t), []byte("csr"))
	refused, ok := errors.AsType[*caclient.StatusError](err)
	if !ok || refused.Code != codes.PermissionDenied || refused.Message != "not good for this" {
		t.Errorf("%v", err)
	}
}

func TestToken(t *testing.T) {
	socket := filepath.Join(t.TempDir(), "ca.sock")
	serve(t, socket, func(context.Context, *security.IstioCertificateRequest) (*security.IstioCertificateResponse, error) {
		t.Error("asked without a token")
		return nil, status.Error(codes.Internal, "")
	})
	c, file := newClient(t, socket, caclient.Itself)
	for name, text := range map[string]string{"empty": " \n", "long": strings.Repeat("x", 9000), "two lines": "a\nb", "missing": ""} {
		writeToken(t, file, text)
		if name == "missing" {
			os.Remove(file)
		}
		_, _, err := c.Sign(t.Context(), testID(t), []byte("csr"))
		if wrong, ok := errors.AsType[*bearer.TokenError](err); !ok || wrong.Path != file {
			t.Errorf("%s: %v", name, err)
		}
		if name == "missing" && !errors.Is(err, fs.ErrNotExist) {
			t.Errorf("%s: %v", name, err)
		}
	}
}

// TestNobodyThere: the error names the socket, and the call does not wait for its context; a CA that comes back is
// found again.
func TestNobodyThere(t *testing.T) {
	socket := filepath.Join(t.TempDir(), "ca.sock")
	c, _ := newClient(t, socket, caclient.Itself)
	sign := func() error {
		_, _, err := c.Sign(t.Context(), testID(t), []byte("csr"))
		return err
	}
	missing := func() {
		t.Helper()
		err := sign()
		if s, ok := errors.AsType[*caclient.StatusError](err); !ok || s.Code != codes.Unavailable || !strings.Contains(err.Error(), socket) {
			t.Errorf("%v; want Unavailable, and the socket", err)
		}
	}
	good := func(context.Context, *security.IstioCertificateRequest) (*security.IstioCertificateResponse, error) {
		return response(certificate("1"), certificate("2")), nil
	}
	missing()
	for range 2 {
		stop := serve(t, socket, good)
		for end := time.Now().Add(30 * time.Second); sign() != nil; {
			if time.Now().After(end) {
				t.Fatal("the CA is back and not found")
			}
			time.Sleep(time.Millisecond) // the condition is on the other side of a socket
		}
		stop()
		missing()
	}
}

func TestHangingCA(t *testing.T) {
	socket := filepath.Join(t.TempDir(), "ca.sock")
	ctx, cancel := context.WithCancel(t.Context())
	serve(t, socket, func(called context.Context, _ *security.IstioCertificateRequest) (*security.IstioCertificateResponse, error) {
		cancel()
		<-called.Done()
		return nil, called.Err()
	})
	c, _ := newClient(t, socket, caclient.Itself)
	if _, _, err := c.Sign(ctx, testID(t), []byte("csr")); !errors.Is(err, context.Canceled) {
		t.Errorf("%v; want the context's error", err)
	}
}

func TestConfig(t *testing.T) {
	for name, test := range map[string]struct {
		c  caclient.Config
		ok bool
	}{
		"socket":               {caclient.Config{Socket: "/s", Token: "t"}, true},
		"address":              {caclient.Config{Address: "h:1", Roots: "r", Token: "t"}, true},
		"empty":                {caclient.Config{}, false},
		"both":                 {caclient.Config{Socket: "/s", Address: "h:1", Roots: "r", Token: "t"}, false},
		"socket with roots":    {caclient.Config{Socket: "/s", Roots: "r", Token: "t"}, false},
		"address and no roots": {caclient.Config{Address: "h:1", Token: "t"}, false},
		"no port":              {caclient.Config{Address: "h", Roots: "r", Token: "t"}, false},
		"no token":             {caclient.Config{Socket: "/s"}, false},
	} {
		if err := test.c.Check(); (err == nil) != test.ok {
			t.Errorf("%s: %v", name, err)
		}
	}
}

// FuzzDecode feeds the message of a CA that went wrong.
func FuzzDecode(f *testing.F) {
	for _, a := range []*security.IstioCertificateResponse{
		response(), response(certificate("1"), certificate("2")), response(certificate("1"), certificate("2")+certificate("3")), response("x", ""),
	} {
		b, err := proto.Marshal(a)
		if err != nil {
			f.Fatal(err)
		}
		f.Add(b)
	}
	f.Fuzz(func(t *testing.T, b []byte) {
		var a security.IstioCertificateResponse
		if proto.Unmarshal(b, &a) != nil {
			return
		}
		chain, roots, err := caclient.Decode(&a)
		if err == nil && (len(chain) != len(a.CertChain)-1 || len(roots) == 0) {
			t.Fatalf("%d certificates and %d roots of %d elements", len(chain), len(roots), len(a.CertChain))
		}
	})
}

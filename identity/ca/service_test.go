package ca_test

import (
	"context"
	"encoding/pem"
	"strings"
	"testing"

	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"
	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/types/known/structpb"
	security "istio.io/api/security/v1alpha1"

	"github.com/bulkhead-mesh/bulkhead/identity"
	"github.com/bulkhead-mesh/bulkhead/identity/ca"
	"github.com/bulkhead-mesh/bulkhead/identity/issuer/caclient"
)

const (
	own    = "spiffe://td/ns/a/sa/b"
	ofNode = "spiffe://td/ns/a/sa/c"
)

// mayOwn lets a caller have its own identity, and one that it impersonates.
func mayOwn(_ context.Context, id identity.ID, impersonated bool) error {
	if id.String() == own || id.String() == ofNode && impersonated {
		return nil
	}
	return status.Errorf(codes.PermissionDenied, "not good for %s", id)
}

// request is a good one for the own identity, unless changed.
func request(t testing.TB, change func(*security.IstioCertificateRequest)) *security.IstioCertificateRequest {
	q := &security.IstioCertificateRequest{Csr: csrPEM(t, own)}
	change(q)
	return q
}

func csrPEM(t testing.TB, id string) string {
	return string(pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE REQUEST", Bytes: mustCSR(t, newKey(t), mustID(t, id))}))
}

func metadata(fields map[string]any) *structpb.Struct {
	s, err := structpb.NewStruct(fields)
	if err != nil {
		panic(err)
	}
	return s
}

func TestService(t *testing.T) {
	s := newCA(t, ca.Options{}).Service(mayOwn)
	type q = security.IstioCertificateRequest
	impersonate := func(id any) func(*q) {
		return func(r *q) { r.Metadata = metadata(map[string]any{"ImpersonatedIdentity": id}) }
	}
	tests := []struct {
		name   string
		change func(*q)
		want   codes.Code
	}{
		{"its own", func(*q) {}, codes.OK},
		{"its own, impersonated", impersonate(own), codes.OK},
		{"a wish of a minute", func(r *q) { r.ValidityDuration = 60 }, codes.OK},
		{"a wish of a century is cut", func(r *q) { r.ValidityDuration = 50 * 365 * 86400 }, codes.OK},
		{"of its node", func(r *q) { impersonate(ofNode)(r); r.Csr = csrPEM(t, ofNode) }, codes.OK},
		{"of its node, without saying so", func(r *q) { r.Csr = csrPEM(t, ofNode) }, codes.PermissionDenied},
		{"another's", func(r *q) { r.Csr = csrPEM(t, "spiffe://td/ns/a/sa/d") }, codes.PermissionDenied},
		{"another's CSR", func(r *q) { impersonate(own)(r); r.Csr = csrPEM(t, ofNode) }, codes.InvalidArgument},
		{"no CSR", func(r *q) { r.Csr = "" }, codes.InvalidArgument},
		{"garbage as CSR", func(r *q) { r.Csr = "-----BEGIN CERTIFICATE REQUEST-----\nAAAA\n-----END CERTIFICATE REQUEST-----\n" }, codes.InvalidArgument},
		{"another block", func(r *q) { r.Csr = strings.ReplaceAll(r.Csr, "CERTIFICATE REQUEST", "CERTIFICATE") }, codes.InvalidArgument},
		{"two CSRs", func(r *q) { r.Csr += r.Csr }, codes.InvalidArgument},
		{"a bad identity", impersonate("spiffe://td/x"), codes.InvalidArgument},
		{"an empty identity", impersonate(""), codes.InvalidArgument},
		{"an identity that is a number", impersonate(1.0), codes.InvalidArgument},
		{"an unknown field", func(r *q) { r.Metadata = metadata(map[string]any{"ImpersonatedIdentity": own, "Admin": true}) }, codes.InvalidArgument},
		{"a signer", func(r *q) { r.Metadata = metadata(map[string]any{"CertSigner": "x"}) }, codes.InvalidArgument},
		{"a negative lifetime", func(r *q) { r.ValidityDuration = -1 }, codes.InvalidArgument},
		{"an endless lifetime", func(r *q) { r.ValidityDuration = 1 << 62 }, codes.InvalidArgument},
	}
	for _, test := range tests {
		a, err := s.CreateCertificate(t.Context(), request(t, test.change))
		if got := status.Code(err); got != test.want {
			t.Errorf("%s: %v; want %v", test.name, err, test.want)
			continue
		}
		if err != nil {
			continue
		}
		if chain, roots, err := caclient.Decode(a); err != nil || len(chain) != 2 || len(roots) != 1 {
			t.Errorf("%s: %v, %d certificates and %d roots", test.name, err, len(chain), len(roots))
		}
	}
}

func TestFaultOfTheCAIsNotTold(t *testing.T) {
	clock := newClock()
	c := newCA(t, ca.Options{Now: clock.now})
	clock.t = clock.t.AddDate(20, 0, 0)
	_, err := c.Service(mayOwn).CreateCertificate(t.Context(), request(t, func(*security.IstioCertificateRequest) {}))
	if status.Code(err) != codes.Internal || strings.Contains(err.Error(), "expired") {
		t.Errorf("an expired CA says %v", err)
	}
}

// FuzzRequest feeds the message of a caller. Whatever is signed must be for one of the two identities that it may have.
func FuzzRequest(f *testing.F) {
	s := newCA(f, ca.Options{}).Service(mayOwn)
	type q = security.IstioCertificateRequest
	for _, change := range []func(*q){
		func(*q) {},
		func(r *q) { r.ValidityDuration = 60 },
		func(r *q) { r.Metadata = metadata(map[string]any{"ImpersonatedIdentity": own}) },
		func(r *q) { r.Metadata = metadata(map[string]any{"ImpersonatedIdentity": "spiffe://td/ns/x/sa/y"}) },
		func(r *q) { r.Csr = csrPEM(f, ofNode) },
	} {
		b, err := proto.Marshal(request(f, change))
		if err != nil {
			f.Fatal(err)
		}
		f.Add(b)
	}
	f.Fuzz(func(t *testing.T, b []byte) {
		var r q
		if proto.Unmarshal(b, &r) != nil {
			return
		}
		a, err := s.CreateCertificate(t.Context(), &r)
		switch status.Code(err) {
		case codes.OK:
			chain, _, err := caclient.Decode(a)
			if err != nil {
				t.Fatal(err)
			}
			if got := leafURIs(t, chain[0]); len(got) != 1 || got[0] != own && got[0] != ofNode {
				t.Fatalf("signed for %v", got)
			}
		case codes.InvalidArgument, codes.PermissionDenied:
		default:
			t.Fatal(err)
		}
	})
}

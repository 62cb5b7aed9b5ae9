package issuer_test

import (
	"context"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/x509"
	"encoding/asn1"
	"errors"
	"os/exec"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/bulkhead-mesh/bulkhead/identity"
	"github.com/bulkhead-mesh/bulkhead/identity/issuer"
)

// Conformance 36: ready with the first SVID.
func TestFirstSVID(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := newSigner(t, time.Hour)
		s.fail()
		i := run(t, s, issuer.Options{})
		if _, err := i.SVID(); !errors.Is(err, identity.ErrNoSVID) {
			t.Errorf("before the first: %v", err)
		}
		select {
		case <-i.Ready():
			t.Error("ready without an SVID")
		default:
		}
		s.answerWith(nil)
		<-i.Ready()
		if svid := mustSVID(t, i); svid.ID != testID(t) || svid.ID != i.ID() {
			t.Errorf("got an SVID of %s", svid.ID)
		}
	})
}

func TestEndsWithItsContext(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		for name, answer := range map[string]func(context.Context, identity.ID, []byte) ([][]byte, [][]byte, error){
			"while it waits": nil,
			"while it signs": func(ctx context.Context, _ identity.ID, _ []byte) ([][]byte, [][]byte, error) {
				<-ctx.Done()
				return nil, nil, ctx.Err()
			},
		} {
			s := newSigner(t, time.Hour)
			s.answer = answer
			ctx, cancel := context.WithCancel(t.Context())
			i := issuer.New(testID(t), s, issuer.Options{})
			ended := make(chan error)
			go func() { ended <- i.Run(ctx) }()
			synctest.Wait()
			if err := i.Run(ctx); err == nil {
				t.Errorf("%s: a second Run was allowed", name)
			}
			start := time.Now()
			cancel()
			if err := <-ended; err != nil || time.Since(start) != 0 {
				t.Errorf("%s: ended with %v after %s", name, err, time.Since(start))
			}
		}
	})
}

// Conformance 32: one critical SAN and no subject.
func TestCSR(t *testing.T) {
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	der, err := issuer.NewCSR(key, testID(t))
	if err != nil {
		t.Fatal(err)
	}
	csr, err := x509.ParseCertificateRequest(der)
	if err != nil {
		t.Fatal(err)
	}
	if err := csr.CheckSignature(); err != nil || csr.SignatureAlgorithm != x509.ECDSAWithSHA256 || !key.PublicKey.Equal(csr.PublicKey) {
		t.Errorf("signed with %s: %v", csr.SignatureAlgorithm, err)
	}
	if len(csr.Subject.Names) != 0 || len(csr.URIs) != 1 || csr.URIs[0].String() != "spiffe://td/ns/a/sa/b" {
		t.Errorf("subject %q, URIs %v", csr.Subject, csr.URIs)
	}
	if len(csr.Extensions) != 1 || !csr.Extensions[0].Id.Equal(asn1.ObjectIdentifier{2, 5, 29, 17}) || !csr.Extensions[0].Critical {
		t.Errorf("extensions %+v; want one critical SAN", csr.Extensions)
	}
}

// TestLight: a cell links these packages; net/http would be two thirds of what it weighs.
func TestLight(t *testing.T) {
	out, err := exec.Command("go", "list", "-deps", ".", "..").CombinedOutput()
	if err != nil {
		t.Fatalf("go list: %v\n%s", err, out)
	}
	for dep := range strings.FieldsSeq(string(out)) {
		if dep == "net/http" || strings.HasSuffix(dep, "/identity/ca") {
			t.Errorf("identity or identity/issuer links %s", dep)
		}
	}
}

package ca

import (
	"bytes"
	"crypto/x509"
	"encoding/pem"
	"errors"
	"fmt"

	"google.golang.org/protobuf/types/known/structpb"
	security "istio.io/api/security/v1alpha1"

	"github.com/bulkhead-mesh/bulkhead/identity"
)

// Fields of a request's metadata.
const (
	fieldImpersonated = "ImpersonatedIdentity"
	fieldSigner       = "CertSigner"
)

// csrOf reads the CSR: one PEM block and nothing else. DER comes out.
func csrOf(q *security.IstioCertificateRequest) ([]byte, error) {
	b, rest := pem.Decode([]byte(q.GetCsr()))
	switch {
	case b == nil || b.Type != "CERTIFICATE REQUEST" && b.Type != "NEW CERTIFICATE REQUEST":
		return nil, errors.New("csr: want one PEM block of type CERTIFICATE REQUEST")
	case len(bytes.TrimSpace(rest)) != 0:
		return nil, errors.New("csr: something follows the PEM block")
	}
	return b.Bytes, nil
}

// asked is the identity that a request is for: the one it says to impersonate, or else the one in its CSR. Istio's own CA
// takes the caller's in the second case whatever the CSR says; here a token may have several, and the CSR picks.
func asked(q *security.IstioCertificateRequest, csr []byte) (id identity.ID, impersonated bool, err error) {
	fields := q.GetMetadata().GetFields()
	for name := range fields {
		switch name {
		case fieldImpersonated:
		case fieldSigner:
			return id, false, errors.New("metadata CertSigner: this CA has one signer: leave it out")
		default:
			return id, false, fmt.Errorf("metadata %q is unknown", name)
		}
	}
	if v, ok := fields[fieldImpersonated]; ok {
		text, is := v.GetKind().(*structpb.Value_StringValue)
		if !is {
			return id, false, errors.New("metadata ImpersonatedIdentity is no string")
		}
		id, err = identity.Parse(text.StringValue)
		return id, true, err
	}
	id, err = named(csr)
	return id, false, err
}

// named is the identity in a CSR's one SAN.
func named(csr []byte) (identity.ID, error) {
	parsed, err := x509.ParseCertificateRequest(csr)
	if err != nil {
		return identity.ID{}, fmt.Errorf("CSR: %w", err)
	}
	if len(parsed.URIs) != 1 {
		return identity.ID{}, fmt.Errorf("CSR: %d URI SANs instead of one", len(parsed.URIs))
	}
	return identity.Parse(parsed.URIs[0].String())
}

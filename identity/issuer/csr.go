package issuer

import (
	"crypto"
	"crypto/rand"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/asn1"

	"github.com/bulkhead-mesh/bulkhead/identity"
)

var oidSubjectAltName = asn1.ObjectIdentifier{2, 5, 29, 17}

// tagURI is uniformResourceIdentifier in GeneralName.
// https://www.rfc-editor.org/rfc/rfc5280#section-4.2.1.6
const tagURI = 6

// NewCSR makes a certificate request in the shape that Istio's CA wants: empty subject, and the identity as the one URI
// SAN, critical. CertificateRequest.URIs would be the obvious way, but the standard library marks the extension critical
// in certificates only, and RFC 5280 4.2.1.6 wants it critical where the subject is empty.
func NewCSR(key crypto.Signer, id identity.ID) ([]byte, error) {
	san, err := asn1.Marshal([]asn1.RawValue{
		{Class: asn1.ClassContextSpecific, Tag: tagURI, Bytes: []byte(id.String())},
	})
	if err != nil {
		return nil, err
	}
	return x509.CreateCertificateRequest(rand.Reader, &x509.CertificateRequest{
		ExtraExtensions: []pkix.Extension{{Id: oidSubjectAltName, Critical: true, Value: san}},
	}, key)
}

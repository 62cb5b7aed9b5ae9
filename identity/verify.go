package identity

import (
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"slices"
	"time"
)

// Side is the end of a tunnel that did the verifying.
type Side string

// The two ends.
const (
	Server Side = "server"
	Client Side = "client"
)

// Reason is why a peer was refused.
type Reason string

// Reasons, in the order in which they are looked for. They say what is wrong, for the record; what the peer learns is
// the alert bad_certificate in each case.
const (
	ReasonNoCertificate Reason = "no-certificate"
	ReasonMalformed     Reason = "malformed"     // not a leaf of an SVID, or no identity in it
	ReasonExpired       Reason = "expired"       // leaf or intermediate: not valid any more
	ReasonNotYet        Reason = "not-yet-valid" // leaf: its time is to come: a clock is wrong, the peer's CA's or ours
	ReasonTrustDomain   Reason = "trust-domain"  // server side: not our own
	ReasonIdentity      Reason = "identity"      // client side: not an expected one
	ReasonEKU           Reason = "eku"           // not for this side of TLS
	ReasonChain         Reason = "chain"         // no path to our roots
)

// VerifyError is the refusal of a peer.
type VerifyError struct {
	Side   Side // who refused
	Reason Reason
	Err    error
}

func (e *VerifyError) Error() string {
	return fmt.Sprintf("identity: %s side refused the peer's certificate: %s: %v", e.Side, e.Reason, e.Err)
}
func (e *VerifyError) Unwrap() error { return e.Err }

// verifier checks the peers of one configuration. Immutable.
type verifier struct {
	side   Side
	src    Source
	now    func() time.Time
	accept []ID // client side
}

// connection is tls.Config.VerifyConnection. An own SVID that expired fails here too, as a resumed handshake presents no
// certificate and would not ask for one.
func (v *verifier) connection(cs tls.ConnectionState) error {
	own, err := v.src.SVID()
	if err != nil {
		return err
	}
	if reason, err := v.peer(own, cs.PeerCertificates); err != nil {
		return &VerifyError{Side: v.side, Reason: reason, Err: err}
	}
	return nil
}

// peer checks in order of cost, so that a stranger's chain is the last thing we pay signatures for; it also gives the more
// telling reason, as another trust domain nearly always has other roots, too.
//
// x509svid.Verify is not used for peers: it accepts any EKU, wants exactly one URI SAN (ztunnel accepts several), and
// builds a pool of the roots for every handshake.
func (v *verifier) peer(own *SVID, certs []*x509.Certificate) (Reason, error) {
	switch {
	case len(certs) == 0:
		return ReasonNoCertificate, errors.New("none was presented")
	case len(certs) > maxChain:
		return ReasonMalformed, fmt.Errorf("%d certificates, more than %d", len(certs), maxChain)
	}
	leaf, now := certs[0], v.now()
	if err := checkLeaf(leaf); err != nil {
		return ReasonMalformed, err
	}
	ids := leafIDs(leaf)
	if len(ids) == 0 {
		return ReasonMalformed, errors.New("no URI SAN is an identity")
	}
	if now.Before(leaf.NotBefore) {
		return ReasonNotYet, fmt.Errorf("%s is valid from %s, and it is %s here", ids[0], stamp(leaf.NotBefore), stamp(now))
	}
	if now.After(leaf.NotAfter) {
		return ReasonExpired, fmt.Errorf("%s is valid from %s to %s", ids[0], stamp(leaf.NotBefore), stamp(leaf.NotAfter))
	}
	if reason, err := v.name(own, ids); err != nil {
		return reason, err
	}
	if !slices.Contains(leaf.ExtKeyUsage, v.usage()) {
		// x509 takes a leaf without the extension for one that may do anything.
		return ReasonEKU, fmt.Errorf("%s lacks the extended key usage for this side", ids[0])
	}
	return v.chain(own, certs, now)
}

// name compares what the leaf says with what this side wants to hear.
//
// The server side is stricter than ztunnel, which is content with its trust domain in any SAN while taking the first SAN
// for the peer: here the identity that policies will see is the one that is checked.
func (v *verifier) name(own *SVID, ids []ID) (Reason, error) {
	if v.side == Server {
		if ids[0].TrustDomain() != own.ID.TrustDomain() {
			return ReasonTrustDomain, fmt.Errorf("%s is not of trust domain %s", ids[0], own.ID.TrustDomain())
		}
		return "", nil
	}
	expected := func(id ID) bool { return slices.Contains(v.accept, id) }
	if !slices.ContainsFunc(ids, expected) {
		return ReasonIdentity, fmt.Errorf("%s is none of the expected %v", ids[0], v.accept)
	}
	return "", nil
}

func (v *verifier) usage() x509.ExtKeyUsage {
	if v.side == Server {
		return x509.ExtKeyUsageClientAuth
	}
	return x509.ExtKeyUsageServerAuth
}

// leafIDs returns the identities among the URI SANs, in their order.
func leafIDs(leaf *x509.Certificate) []ID {
	var ids []ID
	for _, u := range leaf.URIs {
		if id, err := fromURI(u); err == nil {
			ids = append(ids, id)
		}
	}
	return ids
}

func stamp(t time.Time) string { return t.UTC().Format(time.RFC3339) }

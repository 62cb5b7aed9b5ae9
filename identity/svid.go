package identity

import (
	"crypto"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"time"

	"github.com/spiffe/go-spiffe/v2/svid/x509svid"
)

// maxChain bounds the certificates in one chain, own or a peer's: verifying costs signatures, and nobody has eight.
const maxChain = 8

// SVID is an X.509-SVID with what is needed to use it: the proof of one identity, and the roots to check others with.
// Do not change it or what it points to.
type SVID struct {
	ID ID
	// Certificate is built once, with Leaf set, and handed to every handshake as this one pointer: building it per
	// handshake (as go-spiffe does) is garbage, and without Leaf it would be parsed per handshake.
	Certificate *tls.Certificate
	Bundle      *Bundle
	// NotBefore is the leaf's; NotAfter is the earliest end in the chain, since with it the chain is worth nothing.
	NotBefore, NotAfter time.Time
}

// SVIDError says why key, chain and roots do not make an SVID.
type SVIDError struct {
	Part string // chain, leaf, key, roots
	Err  error
}

func (e *SVIDError) Error() string { return fmt.Sprintf("svid: %s: %v", e.Part, e.Err) }
func (e *SVIDError) Unwrap() error { return e.Err }

// NewSVID puts together what a CA answered (DER; leaf first, then intermediates) and the key that never left this
// process. It holds them to the rules of X509-SVID: one URI SAN with an identity, no CA bit, digitalSignature and no
// signing usages, a chain to the roots at some moment, and a key that is the leaf's. Whether it is valid *now* is not
// asked: that is the Source's question, at each handshake.
// https://github.com/spiffe/spiffe/blob/main/standards/X509-SVID.md
func NewSVID(key crypto.Signer, chain, roots [][]byte) (*SVID, error) {
	certs, err := parseChain(chain)
	if err != nil {
		return nil, &SVIDError{"chain", err}
	}
	leaf := certs[0]
	id, err := leafID(leaf)
	if err != nil {
		return nil, &SVIDError{"leaf", err}
	}
	if err := checkKey(key, leaf); err != nil {
		return nil, &SVIDError{"key", err}
	}
	bundle, err := NewBundle(id.TrustDomain(), roots)
	if err != nil {
		return nil, &SVIDError{"roots", err}
	}
	from, to := span(certs)
	// x509svid.Verify is right for our own chain, once per rotation: it is as strict as the specification. A peer's
	// goes through verify.go instead, and the reasons are there.
	if _, _, err := x509svid.Verify(certs, bundle.roots, x509svid.WithTime(from)); err != nil {
		return nil, &SVIDError{"chain", err}
	}
	return &SVID{
		ID:          id,
		Certificate: &tls.Certificate{Certificate: chain, PrivateKey: key, Leaf: leaf},
		Bundle:      bundle,
		NotBefore:   leaf.NotBefore,
		NotAfter:    to,
	}, nil
}

// Expired returns an *ExpiredError when the SVID's end has passed.
func (s *SVID) Expired(now time.Time) error {
	if now.After(s.NotAfter) {
		return &ExpiredError{ID: s.ID, NotAfter: s.NotAfter}
	}
	return nil
}

// DatedError means that an SVID is for another time than this machine's: the clock of the CA, or the own one, is wrong.
type DatedError struct {
	ID                       ID
	NotBefore, NotAfter, Now time.Time
}

func (e *DatedError) Error() string {
	return fmt.Sprintf("identity: SVID of %s is dated %s to %s and it is %s here: the CA's clock or this one is off by %s",
		e.ID, stamp(e.NotBefore), stamp(e.NotAfter), stamp(e.Now), e.Off())
}

// Reason is the word of the record.
func (e *DatedError) Reason() string { return "svid-dated-elsewhere" }

// Off is how far the clocks are apart, at least.
func (e *DatedError) Off() time.Duration { return e.Ahead().Abs() }

// Ahead is how far the CA's clock is ahead of this machine's, at least; below 0 it is behind.
func (e *DatedError) Ahead() time.Duration {
	if e.Now.Before(e.NotBefore) {
		return e.NotBefore.Sub(e.Now)
	}
	return e.NotAfter.Sub(e.Now)
}

// Dated returns a *DatedError when a fresh SVID is not valid now. That it ends is no news of a fresh one.
func (s *SVID) Dated(now time.Time) error {
	if now.Before(s.NotBefore) || now.After(s.NotAfter) {
		return &DatedError{s.ID, s.NotBefore, s.NotAfter, now}
	}
	return nil
}

func parseChain(chain [][]byte) ([]*x509.Certificate, error) {
	switch {
	case len(chain) == 0:
		return nil, errors.New("empty")
	case len(chain) > maxChain:
		return nil, fmt.Errorf("%d certificates, more than %d", len(chain), maxChain)
	}
	return parseCertificates(chain)
}

func leafID(leaf *x509.Certificate) (ID, error) {
	id, err := x509svid.IDFromCert(leaf) // exactly one URI SAN
	if err != nil {
		return ID{}, err
	}
	if err := checkLeaf(leaf); err != nil {
		return ID{}, err
	}
	return Parse(id.String())
}

// checkLeaf holds a leaf to X509-SVID sections 4.1 and 4.3.
// https://github.com/spiffe/spiffe/blob/main/standards/X509-SVID.md#43-key-usage
func checkLeaf(leaf *x509.Certificate) error {
	switch {
	case leaf.IsCA:
		return errors.New("the leaf is a CA certificate")
	case leaf.KeyUsage&x509.KeyUsageDigitalSignature == 0:
		return errors.New("the leaf lacks key usage digitalSignature")
	case leaf.KeyUsage&(x509.KeyUsageCertSign|x509.KeyUsageCRLSign) != 0:
		return errors.New("the leaf has a key usage for signing certificates or CRLs")
	}
	return nil
}

func checkKey(key crypto.Signer, leaf *x509.Certificate) error {
	if key == nil {
		return errors.New("none")
	}
	public, ok := key.Public().(interface{ Equal(crypto.PublicKey) bool })
	if !ok || !public.Equal(leaf.PublicKey) {
		return errors.New("not the key of the leaf")
	}
	return nil
}

// span returns when the whole chain is valid: from the latest beginning to the earliest end.
func span(certs []*x509.Certificate) (from, to time.Time) {
	from, to = certs[0].NotBefore, certs[0].NotAfter
	for _, c := range certs[1:] {
		if c.NotBefore.After(from) {
			from = c.NotBefore
		}
		if c.NotAfter.Before(to) {
			to = c.NotAfter
		}
	}
	return from, to
}

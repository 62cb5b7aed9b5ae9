package vitals

import (
	"context"
	"crypto/x509"
	"errors"
	"sync"
	"time"

	"github.com/bulkhead-mesh/bulkhead/identity"
)

// CA is how asking for signatures goes.
type CA struct {
	Signed  uint64    `json:"signed"`          // in all
	Failing int       `json:"failing"`         // attempts in a row
	Since   time.Time `json:"since,omitzero"`  // of the first of those
	Error   string    `json:"error,omitempty"` // of the last

	Dates identity.Dates `json:"dates,omitzero"` // of what it signed
}

// Signer has CSRs signed; issuer.Signer is one.
type Signer interface {
	Sign(ctx context.Context, id identity.ID, csrDER []byte) (chain, roots [][]byte, err error)
}

// Signing is a Signer that remembers how it went. Nobody else says so: whoever could not renew
// an SVID is well as long as the old one lasts.
type Signing struct {
	signer Signer

	mu sync.Mutex
	ca CA
}

// NewSigning remembers how asking s goes.
func NewSigning(s Signer) *Signing { return &Signing{signer: s} }

// Sign is part of Signer.
func (s *Signing) Sign(ctx context.Context, id identity.ID, csr []byte) (chain, roots [][]byte, err error) {
	chain, roots, err = s.signer.Sign(ctx, id, csr)
	if err != nil {
		s.note(err)
	} else {
		s.note(dated(id, chain, time.Now()))
	}
	return chain, roots, err
}

// note counts how one attempt went.
func (s *Signing) note(err error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.ca.Dates = s.ca.Dates.Seen(err)
	switch {
	case err == nil:
		s.ca = CA{Signed: s.ca.Signed + 1, Dates: s.ca.Dates}
	case errors.Is(err, context.Canceled): // whoever asked has gone
	default:
		if s.ca.Failing == 0 {
			s.ca.Since = time.Now()
		}
		s.ca.Failing++
		s.ca.Error = err.Error()
	}
}

// dated says what is wrong with the dates of a fresh SVID: whoever asked refuses it, and tells
// nobody but its log. A chain that cannot be read is the asker's to judge.
func dated(id identity.ID, chain [][]byte, now time.Time) error {
	if len(chain) == 0 {
		return nil
	}
	leaf, err := x509.ParseCertificate(chain[0])
	if err != nil || !now.Before(leaf.NotBefore) && !now.After(leaf.NotAfter) {
		return nil
	}
	return &identity.DatedError{ID: id, NotBefore: leaf.NotBefore, NotAfter: leaf.NotAfter, Now: now}
}

// CA is how it went so far.
func (s *Signing) CA() CA {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.ca
}

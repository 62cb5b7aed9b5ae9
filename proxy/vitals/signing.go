package vitals

import (
	"context"
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
	s.mu.Lock()
	defer s.mu.Unlock()
	switch {
	case err == nil:
		s.ca = CA{Signed: s.ca.Signed + 1}
	case errors.Is(err, context.Canceled): // whoever asked has gone
	default:
		if s.ca.Failing == 0 {
			s.ca.Since = time.Now()
		}
		s.ca.Failing++
		s.ca.Error = err.Error()
	}
	return chain, roots, err
}

// CA is how it went so far.
func (s *Signing) CA() CA {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.ca
}

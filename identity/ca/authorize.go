package ca

import (
	"crypto/sha256"
	"errors"
	"fmt"
	"slices"

	"github.com/bulkhead-mesh/bulkhead/identity"
)

// Authorizer says whether the bearer of a token may have an SVID of an identity: nil, ErrUnknownToken (wrapped or not;
// answered 401), or any other error (403). It is called from many goroutines.
type Authorizer interface {
	Authorize(token string, id identity.ID) error
}

// ErrUnknownToken means that the token is nobody's.
var ErrUnknownToken = errors.New("the token is unknown")

// ForbiddenError means that the token is good, and not for this identity.
type ForbiddenError struct{ ID identity.ID }

func (e *ForbiddenError) Error() string { return fmt.Sprintf("the token is not good for %s", e.ID) }

// Grant lists what one token is good for.
type Grant struct {
	Token      string        `json:"token"`
	Identities []identity.ID `json:"identities"`
}

// Tokens is an Authorizer with a fixed list. Make it with NewTokens.
type Tokens struct {
	// The keys are digests, so that a lookup takes no time that depends on how much of a guess was right, and a core
	// dump shows no token. Immutable.
	grants map[[sha256.Size]byte][]identity.ID
}

// NewTokens makes the Authorizer of a list of grants. Tokens must be different and not empty.
func NewTokens(grants []Grant) (*Tokens, error) {
	t := &Tokens{grants: make(map[[sha256.Size]byte][]identity.ID, len(grants))}
	for i, g := range grants {
		if g.Token == "" {
			return nil, fmt.Errorf("tokens[%d]: the token is empty", i)
		}
		if slices.ContainsFunc(g.Identities, identity.ID.IsZero) {
			return nil, fmt.Errorf("tokens[%d]: an identity is empty", i)
		}
		digest := sha256.Sum256([]byte(g.Token))
		if _, twice := t.grants[digest]; twice {
			return nil, fmt.Errorf("tokens[%d]: the token is there twice", i)
		}
		t.grants[digest] = slices.Clone(g.Identities)
	}
	return t, nil
}

// Authorize implements Authorizer.
func (t *Tokens) Authorize(token string, id identity.ID) error {
	ids, known := t.grants[sha256.Sum256([]byte(token))]
	switch {
	case !known:
		return ErrUnknownToken
	case !slices.Contains(ids, id):
		return &ForbiddenError{ID: id}
	}
	return nil
}

package bearer

import (
	"crypto/sha256"
	"errors"
	"fmt"
	"slices"

	"github.com/bulkhead-mesh/bulkhead/identity"
)

// Grant says what one token is good for: identities by name, or those of the workloads of a node, or both.
type Grant struct {
	Token      string        `json:"token"`
	Identities []identity.ID `json:"identities,omitempty"`
	Node       string        `json:"node,omitempty"`
}

// Caller is who a token speaks for. Do not change it.
type Caller struct {
	Identities []identity.ID // that it has by name
	Node       string        // empty: it is no node
}

// Owns says whether the identity is the caller's by name. The reserved ones are everybody's: a workload lets
// them in to no port but the probe's, whatever its policies say.
func (c Caller) Owns(id identity.ID) bool {
	return id.IsReserved() || slices.Contains(c.Identities, id)
}

// Tokens is the list of those that are known. Make it with NewTokens.
type Tokens struct {
	// The keys are digests, so that a lookup takes no time that depends on how much of a guess was right, and a core
	// dump shows no token. Immutable.
	callers map[[sha256.Size]byte]Caller
}

// NewTokens makes the list. Tokens must be different and not empty, and each good for something.
func NewTokens(grants []Grant) (*Tokens, error) {
	t := &Tokens{callers: make(map[[sha256.Size]byte]Caller, len(grants))}
	for i, g := range grants {
		digest := sha256.Sum256([]byte(g.Token))
		_, twice := t.callers[digest]
		if err := g.check(twice); err != nil {
			return nil, fmt.Errorf("tokens[%d]: %w", i, err)
		}
		t.callers[digest] = Caller{Identities: slices.Clone(g.Identities), Node: g.Node}
	}
	return t, nil
}

func (g Grant) check(twice bool) error {
	switch {
	case g.Token == "":
		return errors.New("the token is empty")
	case twice:
		return errors.New("the token is there twice")
	case slices.ContainsFunc(g.Identities, identity.ID.IsZero):
		return errors.New("an identity is empty")
	case len(g.Identities) == 0 && g.Node == "":
		return errors.New("the token is good for nothing: give it identities or a node")
	}
	return nil
}

// caller looks a token up.
func (t *Tokens) caller(token string) (Caller, bool) {
	c, ok := t.callers[sha256.Sum256([]byte(token))]
	return c, ok
}

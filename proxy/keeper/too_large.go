package keeper

import (
	"fmt"

	"github.com/bulkhead-mesh/bulkhead/identity"
	"github.com/bulkhead-mesh/bulkhead/proxy/cell"
	"github.com/bulkhead-mesh/bulkhead/proxy/mesh"
)

// tooLarge is the policy that denies everybody in place of policies that no message holds,
// and the generation that a cell then reports: GET /cells and access lines say why.
const tooLarge = "too-large"

// unsaidError means that a workload's policies could not be said to its cell.
type unsaidError struct {
	workload string
	err      error
}

func (e *unsaidError) Error() string {
	return fmt.Sprintf("the policies of %s cannot be said to its cell, and everybody is denied until they change: %v", e.workload, e.err)
}

func (e *unsaidError) Unwrap() error { return e.err }

// shut is a Serve or Judge that denies everybody, and nil for other messages. Not to send
// the original would leave its predecessor in force for good, which lets in whom the new
// policies deny. Services go as well, so that it fits for certain: nobody gets as far.
func shut(m *cell.Message) (closed *cell.Message, uid string) {
	nobody := []mesh.Policy{{Name: tooLarge, Namespace: identity.ReservedNamespace, Scope: mesh.ScopeGlobal, Action: mesh.Deny, Rules: []mesh.Rule{{}}}}
	switch {
	case m.Serve != nil:
		s := *m.Serve
		s.Services, s.Policies, s.Unknown, s.Generation = nil, nobody, nil, tooLarge
		w, err := mesh.FromWire(s.Workload)
		if err != nil {
			return nil, ""
		}
		return &cell.Message{Serve: &s}, w.UID
	case m.Judge != nil:
		return &cell.Message{Judge: &cell.Judge{UID: m.Judge.UID, Policies: nobody, Generation: tooLarge}}, m.Judge.UID
	}
	return nil, ""
}

package rules

import (
	"fmt"

	"github.com/bulkhead-mesh/bulkhead/redirect"
)

// A Plan says which placement captures.
type Plan struct{ Ports redirect.Ports }

// A PlanError says what is wrong with a Plan.
type PlanError struct {
	Plan   Plan
	Reason string
}

func (e *PlanError) Error() string {
	return fmt.Sprintf("capture plan %+v: %s", e.Plan.Ports, e.Reason)
}

func (p Plan) check() error {
	o := p.Ports
	switch {
	case o.Outbound == 0 || o.Plaintext == 0 || o.HBONE == 0:
		return &PlanError{Plan: p, Reason: "a port is zero"}
	case o.Outbound == o.Plaintext || o.Outbound == o.HBONE || o.Plaintext == o.HBONE:
		return &PlanError{Plan: p, Reason: "two ports are the same"}
	}
	return nil
}

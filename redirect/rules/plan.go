package rules

import (
	"fmt"

	"github.com/bulkhead-mesh/bulkhead/redirect"
)

// A Plan says which placement captures, and what becomes of new connections.
type Plan struct {
	Ports   redirect.Ports
	Instead Instead // the zero value: they go to the placement's listeners
}

// Instead is what happens to new connections while nothing serves the pod. Those that
// are captured already stay so, and none of them leaves in plaintext.
type Instead string

const (
	// Closed refuses every new connection at once: both ways, tunnels too.
	Closed Instead = "closed"
	// Passthrough captures no new connection: what leaves the pod leaves in plaintext, and what
	// arrives reaches the application past every policy. Tunnels are refused at once, so
	// that peers do not wait for them. It is for pods whose owner asks for it.
	Passthrough Instead = "passthrough"
)

// closedPort is where connections are redirected to that shall be refused: nobody
// listens there (Istio reserves it for tests of capture, so applications do not).
const closedPort = 15002

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
	case p.Instead != "" && p.Instead != Closed && p.Instead != Passthrough:
		return &PlanError{Plan: p, Reason: fmt.Sprintf("instead %q is not known", p.Instead)}
	case o.Outbound == 0 || o.Plaintext == 0 || o.HBONE == 0:
		return &PlanError{Plan: p, Reason: "a port is zero"}
	case o.Outbound == o.Plaintext || o.Outbound == o.HBONE || o.Plaintext == o.HBONE:
		return &PlanError{Plan: p, Reason: "two ports are the same"}
	}
	return nil
}

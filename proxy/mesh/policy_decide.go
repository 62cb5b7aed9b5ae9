package mesh

import "slices"

// Reason is one word for why a connection is denied.
type Reason string

const (
	ReasonDenied     Reason = "denied"         // a DENY matches
	ReasonNotAllowed Reason = "not-allowed"    // there are ALLOWs, and none matches
	ReasonPlaintext  Reason = "plaintext"      // it has no identity, and mTLS is strict
	ReasonUnknown    Reason = "policy-unknown" // the workload has a policy that nobody knows yet
	ReasonReserved   Reason = "reserved"       // its identity is one of the probes', who are nobody's client
)

// Decision says whether a connection is delivered, and why not.
type Decision struct {
	Allowed bool
	Policy  string // Key of the policy that decided; empty when none did
	Reason  Reason // when denied
	// Dry is the decision if policies of dry run counted; nil: there are none.
	Dry *Decision
}

// String is the reason in words; those that ztunnel has too are its words.
func (d Decision) String() string {
	switch d.Reason {
	case ReasonDenied:
		return "explicitly denied by: " + d.Policy
	case ReasonNotAllowed:
		return "allow policies exist, but none allowed"
	case ReasonPlaintext:
		return "plaintext, but mTLS is strict: " + d.Policy
	case ReasonUnknown:
		return "a policy of the workload is not known yet: " + d.Policy
	case ReasonReserved:
		return "the identity is reserved for probes, which reach no application"
	}
	return "allowed"
}

// Decide applies policies in Istio's order: any DENY that matches denies; without any
// ALLOW the connection is allowed; any ALLOW that matches allows; else it is denied.
// Policies of dry run decide nothing.
func Decide(policies []Policy, c Connection) Decision {
	d := decide(policies, &c, false)
	if slices.ContainsFunc(policies, func(p Policy) bool { return p.DryRun }) {
		dry := decide(policies, &c, true)
		d.Dry = &dry
	}
	return d
}

func decide(policies []Policy, c *Connection, dry bool) Decision {
	allows, by := false, ""
	for i := range policies {
		p := &policies[i]
		switch {
		case p.DryRun && !dry:
		case p.Action == Deny:
			if p.matches(c) {
				return Decision{Policy: p.Key(), Reason: p.denial(c)}
			}
		default:
			if allows = true; by == "" && p.matches(c) {
				by = p.Key()
			}
		}
	}
	if allows && by == "" {
		return Decision{Reason: ReasonNotAllowed}
	}
	return Decision{Allowed: true, Policy: by}
}

// denial tells strict mTLS, which is a DENY of everybody without an identity, from other
// reasons: whoever looks for the cause has to look elsewhere.
func (p *Policy) denial(c *Connection) Reason {
	anybody := func(m Match) bool { return slices.Contains(m.NotPrincipals, "*") }
	wants := func(r Rule) bool {
		return anybody(r.Match) || slices.ContainsFunc(r.Clauses, func(l Clause) bool { return slices.ContainsFunc(l, anybody) })
	}
	if c.Peer.IsZero() && slices.ContainsFunc(p.Rules, wants) {
		return ReasonPlaintext
	}
	return ReasonDenied
}

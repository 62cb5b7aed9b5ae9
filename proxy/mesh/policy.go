package mesh

import (
	"fmt"
	"net/netip"
	"slices"
	"strings"

	"github.com/bulkhead-mesh/bulkhead/identity"
)

// Action is what a policy does with a connection that matches it.
type Action string

const (
	Allow Action = "ALLOW"
	Deny  Action = "DENY"
)

// Scope is which workloads a policy applies to (istio.security.Authorization.scope).
type Scope string

const (
	ScopeGlobal    Scope = "global"
	ScopeNamespace Scope = "namespace" // every workload of the policy's namespace
	ScopeWorkload  Scope = "workload"  // the workloads listed by UID
)

// Policy is one L4 authorization (istio.security.Authorization): OR of its rules. Without
// rules it never matches (ztunnel), so an ALLOW without rules denies everything.
type Policy struct {
	Name      string   `json:"name"`
	Namespace string   `json:"namespace,omitempty"`
	Scope     Scope    `json:"scope"`
	Workloads []string `json:"workloads,omitempty"` // UIDs; in a file, instead of Workload.Policies
	Action    Action   `json:"action"`
	DryRun    bool     `json:"dryRun,omitempty"` // it decides nothing, and is logged
	Rules     []Rule   `json:"rules,omitempty"`
}

// Key is namespace/name, the policy's name in xDS.
func (p *Policy) Key() string { return p.Namespace + "/" + p.Name }

// Rule matches when its own match does and every one of its clauses does. In a file most
// rules are one match; over xDS a rule is clauses only. A rule with neither matches
// everything.
type Rule struct {
	Match
	Clauses []Clause `json:"clauses,omitempty"`
}

// Clause matches when any of its matches does, or when it has none.
type Clause []Match

// Match matches when every field that is set matches; a field matches when any of its
// values does, a not-field when none does. In a clause a match with no field set matches
// nothing; as a rule's own, it is not there. A positive identity field never matches a
// peer without identity; a negative one does.
type Match struct {
	Principals         []string         `json:"principals,omitempty"` // trust-domain/ns/…/sa/…; a * at either end, or alone
	NotPrincipals      []string         `json:"notPrincipals,omitempty"`
	Namespaces         []string         `json:"namespaces,omitempty"`
	NotNamespaces      []string         `json:"notNamespaces,omitempty"`
	ServiceAccounts    []ServiceAccount `json:"serviceAccounts,omitempty"`
	NotServiceAccounts []ServiceAccount `json:"notServiceAccounts,omitempty"`
	SourceIPs          []netip.Prefix   `json:"sourceIPs,omitempty"`
	NotSourceIPs       []netip.Prefix   `json:"notSourceIPs,omitempty"`
	DestinationIPs     []netip.Prefix   `json:"destinationIPs,omitempty"`
	NotDestinationIPs  []netip.Prefix   `json:"notDestinationIPs,omitempty"`
	Ports              []uint16         `json:"ports,omitempty"` // destination port at the workload
	NotPorts           []uint16         `json:"notPorts,omitempty"`
}

// ServiceAccount is one account of one namespace, in any trust domain.
type ServiceAccount struct {
	Namespace string `json:"namespace"`
	Name      string `json:"name"`
}

// Connection is what a policy may look at.
type Connection struct {
	Peer        identity.ID // zero: no mTLS identity
	Source      netip.Addr
	Destination netip.AddrPort
}

// Decision says whether a connection is delivered, and which policy said so.
type Decision struct {
	Allowed bool
	Policy  string // namespace/name of the policy that decided; empty when none did
	Reason  string // for the record, when denied
}

// Decide applies policies in ztunnel's order: any DENY that matches denies; with no
// ALLOW at all the connection is allowed; any ALLOW that matches allows; else denied.
func Decide(policies []Policy, c Connection) Decision {
	hasAllow := false
	for _, p := range policies {
		if p.Action == Deny && p.matches(c) {
			return Decision{Policy: p.Key(), Reason: "explicitly denied by: " + p.Key()}
		}
		hasAllow = hasAllow || p.Action == Allow
	}
	if !hasAllow {
		return Decision{Allowed: true}
	}
	for _, p := range policies {
		if p.Action == Allow && p.matches(c) {
			return Decision{Allowed: true, Policy: p.Key()}
		}
	}
	return Decision{Reason: "allow policies exist, but none allowed"}
}

func (p *Policy) selects(w Workload) bool {
	switch p.Scope {
	case ScopeGlobal:
		return true
	case ScopeNamespace:
		return p.Namespace == w.Namespace
	default:
		return slices.Contains(p.Workloads, w.UID) || slices.Contains(w.Policies, p.Key())
	}
}

func (p *Policy) validate() error {
	if p.Name == "" {
		return fmt.Errorf("name is required")
	}
	if p.Action != Allow && p.Action != Deny {
		return fmt.Errorf("action %q: use ALLOW or DENY", p.Action)
	}
	switch p.Scope {
	case ScopeGlobal:
	case ScopeNamespace:
		if p.Namespace == "" {
			return fmt.Errorf("scope namespace needs a namespace")
		}
	case ScopeWorkload: // selected by its own list, or by the workloads' lists
	default:
		return fmt.Errorf("scope %q: use global, namespace or workload", p.Scope)
	}
	return nil
}

func (p *Policy) matches(c Connection) bool {
	return slices.ContainsFunc(p.Rules, func(r Rule) bool { return r.matches(c) })
}

func (r *Rule) matches(c Connection) bool {
	return r.Match.matches(c) && !slices.ContainsFunc(r.Clauses, func(l Clause) bool { return !l.matches(c) })
}

func (l Clause) matches(c Connection) bool {
	return len(l) == 0 || slices.ContainsFunc(l, func(m Match) bool { return m.matches(c) })
}

func (r *Match) matches(c Connection) bool {
	return fieldMatches(r.Principals, func(v string) bool { return matchPrincipal(v, c.Peer) }) &&
		fieldMatches(r.Namespaces, func(v string) bool { return !c.Peer.IsZero() && v == c.Peer.Namespace() }) &&
		fieldMatches(r.SourceIPs, func(v netip.Prefix) bool { return v.Contains(c.Source.Unmap()) }) &&
		fieldMatches(r.Ports, func(v uint16) bool { return v == c.Destination.Port() })
}

// fieldMatches is true for a field that is not set, or when one of its values matches.
func fieldMatches[T any](values []T, match func(T) bool) bool {
	return len(values) == 0 || slices.ContainsFunc(values, match)
}

// matchPrincipal compares after stripping the scheme, as ztunnel does.
func matchPrincipal(pattern string, peer identity.ID) bool {
	if peer.IsZero() {
		return false
	}
	pattern = strings.TrimPrefix(pattern, "spiffe://")
	id := strings.TrimPrefix(peer.String(), "spiffe://")
	if prefix, ok := strings.CutSuffix(pattern, "*"); ok {
		return strings.HasPrefix(id, prefix)
	}
	return pattern == id
}

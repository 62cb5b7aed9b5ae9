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

// Policy is one L4 authorization. It matches when any of its rules does; without
// rules it never matches (ztunnel), so an ALLOW without rules denies everything.
type Policy struct {
	Name      string   `json:"name"`
	Namespace string   `json:"namespace,omitempty"`
	Scope     Scope    `json:"scope"`
	Workloads []string `json:"workloads,omitempty"`
	Action    Action   `json:"action"`
	Rules     []Rule   `json:"rules,omitempty"`
}

// Rule matches when every field that is set matches; a field matches when any of
// its values does. A rule with no field set matches everything. An identity field
// never matches a peer without identity.
type Rule struct {
	Principals []string       `json:"principals,omitempty"` // trust-domain/ns/…/sa/…, a trailing * is a prefix
	Namespaces []string       `json:"namespaces,omitempty"`
	SourceIPs  []netip.Prefix `json:"sourceIPs,omitempty"`
	Ports      []uint16       `json:"ports,omitempty"` // destination port at the workload
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
			return Decision{Policy: p.id(), Reason: "explicitly denied by: " + p.id()}
		}
		hasAllow = hasAllow || p.Action == Allow
	}
	if !hasAllow {
		return Decision{Allowed: true}
	}
	for _, p := range policies {
		if p.Action == Allow && p.matches(c) {
			return Decision{Allowed: true, Policy: p.id()}
		}
	}
	return Decision{Reason: "allow policies exist, but none allowed"}
}

func (p *Policy) id() string { return p.Namespace + "/" + p.Name }

func (p *Policy) selects(w Workload) bool {
	switch p.Scope {
	case ScopeGlobal:
		return true
	case ScopeNamespace:
		return p.Namespace == w.Namespace
	default:
		return slices.Contains(p.Workloads, w.UID)
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
	case ScopeWorkload:
		if len(p.Workloads) == 0 {
			return fmt.Errorf("scope workload needs workloads")
		}
	default:
		return fmt.Errorf("scope %q: use global, namespace or workload", p.Scope)
	}
	return nil
}

func (p *Policy) matches(c Connection) bool {
	return slices.ContainsFunc(p.Rules, func(r Rule) bool { return r.matches(c) })
}

func (r *Rule) matches(c Connection) bool {
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

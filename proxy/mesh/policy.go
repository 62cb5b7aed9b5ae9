package mesh

import (
	"fmt"
	"net/netip"
	"slices"
	"strings"
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
	Principals         []string         `json:"principals,omitempty"` // trust-domain/ns/…/sa/…; a * at one end, or alone
	NotPrincipals      []string         `json:"notPrincipals,omitempty"`
	Namespaces         []string         `json:"namespaces,omitempty"` // of the peer's identity; a * as above
	NotNamespaces      []string         `json:"notNamespaces,omitempty"`
	ServiceAccounts    []ServiceAccount `json:"serviceAccounts,omitempty"`
	NotServiceAccounts []ServiceAccount `json:"notServiceAccounts,omitempty"`
	SourceIPs          []netip.Prefix   `json:"sourceIPs,omitempty"`
	NotSourceIPs       []netip.Prefix   `json:"notSourceIPs,omitempty"`
	DestinationIPs     []netip.Prefix   `json:"destinationIPs,omitempty"` // the workload's own
	NotDestinationIPs  []netip.Prefix   `json:"notDestinationIPs,omitempty"`
	Ports              []uint16         `json:"ports,omitempty"` // destination port at the workload
	NotPorts           []uint16         `json:"notPorts,omitempty"`
}

// ServiceAccount is one account of one namespace, in any trust domain.
type ServiceAccount struct {
	Namespace string `json:"namespace"`
	Name      string `json:"name"`
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
	for i, r := range p.Rules {
		if err := r.validate(); err != nil {
			return fmt.Errorf("rules[%d]: %w", i, err)
		}
	}
	return nil
}

func (r *Rule) validate() error {
	if err := r.Match.validate(); err != nil {
		return err
	}
	for i, l := range r.Clauses {
		for j, m := range l {
			if err := m.validate(); err != nil {
				return fmt.Errorf("clauses[%d][%d]: %w", i, j, err)
			}
		}
	}
	return nil
}

// validate rejects values that can match nothing: they are mistakes, and in a DENY each
// would let somebody in.
func (m *Match) validate() error {
	for _, v := range slices.Concat(m.Principals, m.NotPrincipals, m.Namespaces, m.NotNamespaces) {
		if v == "" || strings.Contains(strings.TrimPrefix(strings.TrimSuffix(v, "*"), "*"), "*") || v == "**" || len(v) > 1 && v[0] == '*' && strings.HasSuffix(v, "*") {
			return fmt.Errorf("pattern %q: a * stands at one end, or alone", v)
		}
	}
	for _, v := range slices.Concat(m.ServiceAccounts, m.NotServiceAccounts) {
		if v.Namespace == "" || v.Name == "" {
			return fmt.Errorf("service account %q of namespace %q: both are required", v.Name, v.Namespace)
		}
	}
	for _, v := range slices.Concat(m.SourceIPs, m.NotSourceIPs, m.DestinationIPs, m.NotDestinationIPs) {
		if !v.IsValid() || v.Addr().Is4In6() {
			return fmt.Errorf("address range %s: use an IPv4 or IPv6 range, such as 10.0.0.0/8", v)
		}
	}
	if slices.Contains(slices.Concat(m.Ports, m.NotPorts), 0) {
		return fmt.Errorf("a port must be between 1 and 65535")
	}
	return nil
}

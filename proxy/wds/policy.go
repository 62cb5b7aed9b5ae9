package wds

import (
	"errors"
	"fmt"
	"net/netip"
	"strings"

	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/types/known/emptypb"
	"istio.io/istio/pkg/workloadapi/security"

	"github.com/bulkhead-mesh/bulkhead/proxy/mesh"
)

var (
	policyScopes = []mesh.Scope{mesh.ScopeGlobal, mesh.ScopeNamespace, mesh.ScopeWorkload}
	actions      = []mesh.Action{mesh.Allow, mesh.Deny}
)

func (b *Batch) authorization(m *security.Authorization) (mesh.Policy, error) {
	p := mesh.Policy{Name: m.Name, Namespace: b.word(m.Namespace), DryRun: m.DryRun}
	var err error
	if p.Scope, err = wordOf("scope", policyScopes, m.Scope); err != nil {
		return p, err
	}
	if p.Action, err = wordOf("action", actions, m.Action); err != nil {
		return p, err
	}
	for i, g := range m.Groups {
		r, err := ruleOf(g)
		if err != nil {
			return p, fmt.Errorf("rules[%d]: %w", i, err)
		}
		p.Rules = append(p.Rules, r)
	}
	return p, nil
}

func ruleOf(g *security.Group) (r mesh.Rule, err error) {
	if unknown(g) {
		return r, errNotUnderstood
	}
	for _, c := range g.Rules {
		if unknown(c) {
			return r, errNotUnderstood
		}
		clause := mesh.Clause{}
		for _, m := range c.Matches {
			match, err := matchOf(m)
			if err != nil {
				return r, err
			}
			clause = append(clause, match)
		}
		r.Clauses = append(r.Clauses, clause)
	}
	return r, nil
}

var errNotUnderstood = errors.New("it has a condition that this version does not know: the policy cannot be enforced here")

// unknown says whether a message has fields that came after this version.
func unknown(m proto.Message) bool { return len(m.ProtoReflect().GetUnknown()) > 0 }

func matchOf(m *security.Match) (out mesh.Match, err error) {
	if unknown(m) || len(m.Extensions) > 0 {
		return out, errNotUnderstood
	}
	for _, f := range []struct {
		from []*security.StringMatch
		to   *[]string
	}{
		{m.Principals, &out.Principals}, {m.NotPrincipals, &out.NotPrincipals},
		{m.Namespaces, &out.Namespaces}, {m.NotNamespaces, &out.NotNamespaces},
	} {
		err = errors.Join(err, each(f.from, f.to, patternOf))
	}
	for _, f := range []struct {
		from []*security.Address
		to   *[]netip.Prefix
	}{
		{m.SourceIps, &out.SourceIPs}, {m.NotSourceIps, &out.NotSourceIPs},
		{m.DestinationIps, &out.DestinationIPs}, {m.NotDestinationIps, &out.NotDestinationIPs},
	} {
		err = errors.Join(err, each(f.from, f.to, rangeOf))
	}
	return out, errors.Join(err,
		each(m.ServiceAccounts, &out.ServiceAccounts, accountOf), each(m.NotServiceAccounts, &out.NotServiceAccounts, accountOf),
		each(m.DestinationPorts, &out.Ports, portOf), each(m.NotDestinationPorts, &out.NotPorts, portOf))
}

func each[From, To any](from []From, to *[]To, translate func(From) (To, error)) error {
	for _, f := range from {
		t, err := translate(f)
		if err != nil {
			return err
		}
		*to = append(*to, t)
	}
	return nil
}

// patternOf writes a match as package mesh does: with a star where anything may be.
func patternOf(m *security.StringMatch) (string, error) {
	var s, pattern string
	switch t := m.GetMatchType().(type) {
	case *security.StringMatch_Exact:
		s, pattern = t.Exact, t.Exact
	case *security.StringMatch_Prefix:
		s, pattern = t.Prefix, t.Prefix+"*"
	case *security.StringMatch_Suffix:
		s, pattern = t.Suffix, "*"+t.Suffix
	case *security.StringMatch_Presence:
		pattern = "*"
	default:
		return "", errNotUnderstood
	}
	if strings.Contains(s, "*") {
		return "", fmt.Errorf("a match with %q: no name has a star in it", s)
	}
	return pattern, nil
}

func rangeOf(a *security.Address) (netip.Prefix, error) {
	return prefixOf(a.GetAddress(), a.GetLength())
}

func accountOf(a *security.ServiceAccountMatch) (mesh.ServiceAccount, error) {
	return mesh.ServiceAccount{Namespace: a.GetNamespace(), Name: a.GetServiceAccount()}, nil
}

// Policy is the message for a policy.
func Policy(p *mesh.Policy) *security.Authorization {
	m := &security.Authorization{
		Name: p.Name, Namespace: p.Namespace, DryRun: p.DryRun,
		Scope: numberOf[security.Scope](policyScopes, p.Scope), Action: numberOf[security.Action](actions, p.Action),
	}
	for _, r := range p.Rules {
		g := &security.Group{}
		if own := match(r.Match); proto.Size(own) > 0 { // a rule's own match is a clause of one
			g.Rules = append(g.Rules, &security.Rules{Matches: []*security.Match{own}})
		}
		for _, l := range r.Clauses {
			c := &security.Rules{}
			for _, one := range l {
				c.Matches = append(c.Matches, match(one))
			}
			g.Rules = append(g.Rules, c)
		}
		m.Groups = append(m.Groups, g)
	}
	return m
}

func match(m mesh.Match) *security.Match {
	return &security.Match{
		Principals: all(m.Principals, pattern), NotPrincipals: all(m.NotPrincipals, pattern),
		Namespaces: all(m.Namespaces, pattern), NotNamespaces: all(m.NotNamespaces, pattern),
		ServiceAccounts: all(m.ServiceAccounts, account), NotServiceAccounts: all(m.NotServiceAccounts, account),
		SourceIps: all(m.SourceIPs, addresses), NotSourceIps: all(m.NotSourceIPs, addresses),
		DestinationIps: all(m.DestinationIPs, addresses), NotDestinationIps: all(m.NotDestinationIPs, addresses),
		DestinationPorts: all(m.Ports, number), NotDestinationPorts: all(m.NotPorts, number),
	}
}

func all[From, To any](from []From, translate func(From) To) []To {
	var to []To
	for _, f := range from {
		to = append(to, translate(f))
	}
	return to
}

func pattern(s string) *security.StringMatch {
	if s == "*" {
		return &security.StringMatch{MatchType: &security.StringMatch_Presence{Presence: &emptypb.Empty{}}}
	}
	if prefix, ok := strings.CutSuffix(s, "*"); ok {
		return &security.StringMatch{MatchType: &security.StringMatch_Prefix{Prefix: prefix}}
	}
	if suffix, ok := strings.CutPrefix(s, "*"); ok {
		return &security.StringMatch{MatchType: &security.StringMatch_Suffix{Suffix: suffix}}
	}
	return &security.StringMatch{MatchType: &security.StringMatch_Exact{Exact: s}}
}

func account(a mesh.ServiceAccount) *security.ServiceAccountMatch {
	return &security.ServiceAccountMatch{Namespace: a.Namespace, ServiceAccount: a.Name}
}

func addresses(p netip.Prefix) *security.Address {
	return &security.Address{Address: p.Addr().AsSlice(), Length: uint32(p.Bits())}
}

func number(p uint16) uint32 { return uint32(p) }

package mesh

import (
	"net/netip"
	"slices"
	"strings"

	"github.com/bulkhead-mesh/bulkhead/identity"
)

// Connection is what a policy may look at.
type Connection struct {
	Peer        identity.ID // zero: no mTLS identity
	Source      netip.Addr
	Destination netip.AddrPort
}

func (p *Policy) matches(c *Connection) bool {
	return slices.ContainsFunc(p.Rules, func(r Rule) bool { return r.matches(c) })
}

func (r *Rule) matches(c *Connection) bool {
	return r.Match.matches(c) && !slices.ContainsFunc(r.Clauses, func(l Clause) bool { return !l.matches(c) })
}

func (l Clause) matches(c *Connection) bool {
	return len(l) == 0 || slices.ContainsFunc(l, func(m Match) bool { return !m.isEmpty() && m.matches(c) })
}

// isEmpty says that no field is set. In a clause that matches nothing: a control plane
// that knows more fields than we do may have set one of those, and a match that we would
// read as "everybody" was meant for few.
func (m *Match) isEmpty() bool {
	return len(m.Principals)+len(m.NotPrincipals)+len(m.Namespaces)+len(m.NotNamespaces)+
		len(m.ServiceAccounts)+len(m.NotServiceAccounts)+len(m.SourceIPs)+len(m.NotSourceIPs)+
		len(m.DestinationIPs)+len(m.NotDestinationIPs)+len(m.Ports)+len(m.NotPorts) == 0
}

func (m *Match) matches(c *Connection) bool {
	principal := func(v string) bool {
		return !c.Peer.IsZero() && matchText(strings.TrimPrefix(v, scheme), strings.TrimPrefix(c.Peer.String(), scheme))
	}
	namespace := func(v string) bool { return !c.Peer.IsZero() && matchText(v, c.Peer.Namespace()) }
	account := func(v ServiceAccount) bool {
		return !c.Peer.IsZero() && v.Namespace == c.Peer.Namespace() && v.Name == c.Peer.ServiceAccount()
	}
	source := func(v netip.Prefix) bool { return v.Contains(c.Source.Unmap()) }
	destination := func(v netip.Prefix) bool { return v.Contains(c.Destination.Addr().Unmap()) }
	port := func(v uint16) bool { return v == c.Destination.Port() }

	return field(m.Principals, m.NotPrincipals, principal) &&
		field(m.Namespaces, m.NotNamespaces, namespace) &&
		field(m.ServiceAccounts, m.NotServiceAccounts, account) &&
		field(m.SourceIPs, m.NotSourceIPs, source) &&
		field(m.DestinationIPs, m.NotDestinationIPs, destination) &&
		field(m.Ports, m.NotPorts, port)
}

// field is one field and its opposite: any of the values, where there are some, and none
// of the others.
func field[T any](values, not []T, match func(T) bool) bool {
	return (len(values) == 0 || slices.ContainsFunc(values, match)) && !slices.ContainsFunc(not, match)
}

// scheme is left out of principals, on both sides, as Istio does.
const scheme = "spiffe://"

// matchText is StringMatch of authorization.proto in its text form: presence is *, a
// prefix ends with one, a suffix begins with one, all else is exact.
func matchText(pattern, text string) bool {
	if prefix, ok := strings.CutSuffix(pattern, "*"); ok {
		return strings.HasPrefix(text, prefix)
	}
	if suffix, ok := strings.CutPrefix(pattern, "*"); ok {
		return strings.HasSuffix(text, suffix)
	}
	return pattern == text
}

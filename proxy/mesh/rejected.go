package mesh

import "net/netip"

// RejectAddresses keeps the addresses of a workload or service that cannot be used, by its
// name in xDS. A connection to one of them is refused, unless something that can be used
// has it, such as the earlier form: without that they would be outside of the mesh, and
// what was meant to be encrypted would leave in plaintext. What is set or removed by that
// name ends it.
func (c *Change) RejectAddresses(name, network string, addresses []netip.Addr, prefixes []netip.Prefix) {
	put(&c.rejected, name, &Service{Host: name, Network: network, Addresses: addresses, Prefixes: prefixes, rejected: true})
}

// RejectPolicy keeps the name of a policy that cannot be used, unless an earlier form of it
// is known. For those that it would apply to it is a policy that is not known yet, see
// PolicySet: it may be the DENY that is all they have. One of scope workload is that
// already, for those that name it.
func (c *Change) RejectPolicy(key, namespace string, scope Scope) {
	if scope == ScopeWorkload {
		return
	}
	put(&c.unread, key, &indexedPolicy{Policy: Policy{Name: key, Namespace: namespace, Scope: scope}, unread: true})
}

// rejections come last: what is set or removed by their names ends them.
func (b *build) rejections(c Change) {
	for uid := range c.workloads {
		b.reject(uid, nil)
	}
	for key := range c.services {
		b.reject(key, nil)
	}
	for name, v := range c.rejected {
		b.reject(name, v)
	}
	for key := range c.policies {
		b.doubt(key, nil)
	}
	for key, p := range c.unread {
		if b.policies.at(key) == nil {
			b.doubt(key, p)
		}
	}
}

func (b *build) reject(name string, v *Service) {
	old := b.rejected.at(name)
	if !same(old, v) {
		replace(b.rejected, name, v)
		b.virtual(old, v)
	}
}

func (b *build) doubt(key string, p *indexedPolicy) {
	old := b.unread.at(key)
	if !same(old, p) {
		replace(b.unread, key, p)
		b.apply(old, p)
	}
}

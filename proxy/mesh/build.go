package mesh

import (
	"cmp"
	"net/netip"
	"reflect"
	"slices"
)

// With is the snapshot after a change, and what it changed. It costs what changes, not
// what is known. A nil snapshot is an empty mesh.
func (s *Snapshot) With(c Change, version uint64) (*Snapshot, Effect) {
	if s == nil {
		s = &Snapshot{}
	}
	b := newBuild(s)
	for uid, w := range c.workloads {
		b.workload(uid, w)
	}
	for key, v := range c.services {
		b.service(key, v)
	}
	for key, p := range c.policies {
		b.policy(key, p)
	}
	b.rejections(c)
	b.regroup()
	return b.snapshot(version), b.effect
}

// build is a snapshot that is being made out of another.
type build struct {
	old        *Snapshot
	workloads  *tableEdit[string, *Workload]
	byAddress  *tableEdit[netip.Addr, []*Workload]
	services   *tableEdit[string, *Service]
	byVIP      *tableEdit[netip.Addr, []*Service]
	byPrefix   *tableEdit[netip.Prefix, []*Service]
	lengths    prefixLengths
	endpoints  *tableEdit[string, []*Workload]
	policies   *tableEdit[string, *indexedPolicy]
	namespaces *tableEdit[string, []*indexedPolicy]
	rejected   *tableEdit[string, *Service]
	unread     *tableEdit[string, *indexedPolicy]
	members    map[string]map[string]*Workload // of services, by key and UID; nil: gone
	effect     Effect
}

func newBuild(s *Snapshot) *build {
	return &build{
		old: s, lengths: s.lengths, members: map[string]map[string]*Workload{},
		workloads: s.workloads.edit(), byAddress: s.byAddress.edit(),
		services: s.services.edit(), byVIP: s.byVIP.edit(), byPrefix: s.byPrefix.edit(),
		endpoints: s.endpoints.edit(), policies: s.policies.edit(), namespaces: s.namespaces.edit(),
		rejected: s.rejected.edit(), unread: s.unread.edit(),
	}
}

func (b *build) snapshot(version uint64) *Snapshot {
	return &Snapshot{
		version: version, workloads: b.workloads.table, byAddress: b.byAddress.table,
		services: b.services.table, byVIP: b.byVIP.table, byPrefix: b.byPrefix.table, lengths: b.lengths,
		endpoints: b.endpoints.table, policies: b.policies.table, namespaces: b.namespaces.table,
		rejected: b.rejected.table, unread: b.unread.table,
	}
}

func (b *build) workload(uid string, w *Workload) {
	old := b.workloads.at(uid)
	if same(old, w) {
		return
	}
	b.effect.workload(old)
	b.effect.workload(w)
	replace(b.workloads, uid, w)
	if old != nil {
		for _, a := range old.Addresses {
			without(b.byAddress, a, old)
		}
		for key := range old.Services {
			b.member(key, uid, nil)
		}
	}
	if w != nil {
		for _, a := range w.Addresses {
			with(b.byAddress, a, w, (*Workload).uid)
		}
		for key := range w.Services {
			b.member(key, uid, w)
		}
	}
}

// member notes a change of a service's endpoints. Each service is put together once,
// however many of its endpoints change at a time.
func (b *build) member(key, uid string, w *Workload) {
	if b.members[key] == nil {
		b.members[key] = map[string]*Workload{}
	}
	b.members[key][uid] = w
}

// regroup puts the services together whose endpoints changed. A service that is not
// known yet has endpoints, too: they wait for it.
func (b *build) regroup() {
	for key, changed := range b.members {
		old := b.endpoints.at(key)
		now := make([]*Workload, 0, len(old)+len(changed))
		for _, w := range old {
			if _, again := changed[w.UID]; !again {
				now = append(now, w)
			}
		}
		for _, w := range changed {
			if w != nil {
				now = append(now, w)
			}
		}
		slices.SortFunc(now, func(x, y *Workload) int { return cmp.Compare(x.UID, y.UID) })
		b.effect.reach(b.services.at(key))
		if len(now) == 0 {
			b.endpoints.remove(key)
		} else {
			b.endpoints.set(key, now)
		}
	}
}

func (b *build) service(key string, v *Service) {
	old := b.services.at(key)
	if same(old, v) {
		return
	}
	mark(&b.effect.services, key)
	replace(b.services, key, v)
	b.virtual(old, v)
}

// virtual gives the virtual addresses of one to the other; nil has none.
func (b *build) virtual(old, v *Service) {
	b.effect.reach(old)
	b.effect.reach(v)
	if old != nil {
		for _, a := range old.Addresses {
			without(b.byVIP, a, old)
		}
		for _, p := range old.Prefixes {
			b.lengths.add(p, -1)
			without(b.byPrefix, p.Masked(), old)
		}
	}
	if v != nil {
		for _, a := range v.Addresses {
			with(b.byVIP, a, v, (*Service).Key)
		}
		for _, p := range v.Prefixes {
			b.lengths.add(p, +1)
			with(b.byPrefix, p.Masked(), v, (*Service).Key)
		}
	}
}

func (b *build) policy(key string, p *indexedPolicy) {
	old := b.policies.at(key)
	if old == p || old != nil && p != nil && old.sum == p.sum {
		return
	}
	replace(b.policies, key, p)
	b.apply(old, p)
}

// apply has the one apply, where the other did; nil applies nowhere.
func (b *build) apply(old, p *indexedPolicy) {
	b.effect.policy(old)
	b.effect.policy(p)
	if ns, wide := old.wide(); wide {
		without(b.namespaces, ns, old)
	}
	if ns, wide := p.wide(); wide {
		with(b.namespaces, ns, p, (*indexedPolicy).Key)
	}
}

// everyNamespace is where build keeps global policies: no namespace has that name.
const everyNamespace = "*"

// wide says for which namespace a policy applies without being named by a workload.
func (p *indexedPolicy) wide() (namespace string, ok bool) {
	switch {
	case p == nil:
		return "", false
	case p.Scope == ScopeGlobal:
		return everyNamespace, true
	default:
		return p.Namespace, p.Scope == ScopeNamespace
	}
}

func (w *Workload) uid() string { return w.UID }

func same[T any](a, b *T) bool {
	if a == b || a == nil || b == nil {
		return a == b
	}
	return reflect.DeepEqual(a, b)
}

func replace[V any](t *tableEdit[string, *V], k string, v *V) {
	if v == nil {
		t.remove(k)
	} else {
		t.set(k, v)
	}
}

// with adds v to the list at k, in the order of their names.
func with[K comparable, V any](t *tableEdit[K, []*V], k K, v *V, name func(*V) string) {
	old := t.at(k)
	i, _ := slices.BinarySearchFunc(old, name(v), func(x *V, n string) int { return cmp.Compare(name(x), n) })
	t.set(k, slices.Insert(slices.Clone(old), i, v))
}

func without[K comparable, V any](t *tableEdit[K, []*V], k K, v *V) {
	now := slices.DeleteFunc(slices.Clone(t.at(k)), func(x *V) bool { return x == v })
	if len(now) == 0 {
		t.remove(k)
	} else {
		t.set(k, now)
	}
}

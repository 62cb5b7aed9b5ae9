package mesh

import (
	"iter"
	"maps"
	"net/netip"
	"slices"
)

// Effect is what is different in a snapshot, so that nobody need ask for everything
// anew: whose view of itself changed, and to which addresses the answer may have.
type Effect struct {
	all        bool
	workloads  map[string]bool // by UID
	services   map[string]bool // by key
	policies   map[string]bool // by key
	namespaces map[string]bool // of changed policies of scope namespace
	global     bool            // a global policy changed
	addresses  map[netip.Addr]bool
	prefixes   []netip.Prefix
}

// Everything is the effect of a snapshot that nothing is known of.
func Everything() Effect { return Effect{all: true} }

// All says that any answer may be another now.
func (e Effect) All() bool { return e.all }

// None says that nothing changed.
func (e Effect) None() bool {
	return !e.all && !e.global && len(e.workloads)+len(e.services)+len(e.policies)+len(e.namespaces)+len(e.addresses)+len(e.prefixes) == 0
}

// Concerns says whether the workload, or a service or policy of it, changed. Its
// earlier form may have had others: it changed then, too.
func (e Effect) Concerns(w Workload) bool {
	if e.all || e.global || e.workloads[w.UID] || e.namespaces[w.Namespace] {
		return true
	}
	for k := range w.Services {
		if e.services[k] {
			return true
		}
	}
	return slices.ContainsFunc(w.Policies, func(k string) bool { return e.policies[k] })
}

// Changed says whether the workload itself is another.
func (e Effect) Changed(uid string) bool { return e.all || e.workloads[uid] }

// EachWorkload yields the UIDs of those that are others now, or new, or gone; of an effect that
// is All, it does not. So do EachService and EachPolicy with keys.
func (e Effect) EachWorkload() iter.Seq[string] { return maps.Keys(e.workloads) }

// EachService is like EachWorkload.
func (e Effect) EachService() iter.Seq[string] { return maps.Keys(e.services) }

// EachPolicy is like EachWorkload.
func (e Effect) EachPolicy() iter.Seq[string] { return maps.Keys(e.policies) }

// Touches says whether the answer for an address may have changed.
func (e Effect) Touches(a netip.Addr) bool {
	return e.all || e.addresses[a] || slices.ContainsFunc(e.prefixes, func(p netip.Prefix) bool { return p.Contains(a) })
}

func (e *Effect) address(all ...netip.Addr) {
	for _, a := range all {
		mark(&e.addresses, a)
	}
}

func (e *Effect) workload(w *Workload) {
	if w != nil {
		mark(&e.workloads, w.UID)
		e.address(w.Addresses...)
	}
}

// reach is of the addresses of a service, whose answers changed.
func (e *Effect) reach(v *Service) {
	if v != nil {
		e.address(v.Addresses...)
		e.prefixes = append(e.prefixes, v.Prefixes...)
	}
}

func (e *Effect) policy(p *indexedPolicy) {
	if p == nil {
		return
	}
	mark(&e.policies, p.Key())
	switch p.Scope {
	case ScopeGlobal:
		e.global = true
	case ScopeNamespace:
		mark(&e.namespaces, p.Namespace)
	}
}

func mark[K comparable](m *map[K]bool, k K) {
	if *m == nil {
		*m = map[K]bool{}
	}
	(*m)[k] = true
}

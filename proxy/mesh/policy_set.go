package mesh

import (
	"cmp"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"slices"
)

// PolicySet is what one workload's connections are judged by.
type PolicySet struct {
	Policies []Policy
	// Unknown are keys of policies that the workload names and nobody knows: over xDS a
	// workload can arrive before its policies. ztunnel skips them, and so lets in whom
	// the DENY among them would have denied.
	Unknown []string
	// Generation is a hash of the above: equal sets have equal ones, in every process.
	Generation string

	denyAll bool // until Unknown is known: there is nothing to judge by
	added   int  // DENYs at the end of Policies that an incomplete set has added
}

// Decide is Decide for the set.
func (s *PolicySet) Decide(c Connection) Decision {
	if s.denyAll {
		return Decision{Policy: s.Unknown[0], Reason: ReasonUnknown}
	}
	return Decide(s.Policies, c)
}

// After is what to judge by when s follows an earlier set of the same workload, nil when
// there was none. A complete set replaces it. Of an incomplete one only the DENYs count,
// beside all that was complete before: so nobody is admitted whom the earlier set denied,
// and nobody whom a policy denies that is known by now. Without a complete set before,
// everybody is denied.
//
// The earlier set is one that After made, or complete.
func (s PolicySet) After(earlier *PolicySet) PolicySet {
	switch {
	case len(s.Unknown) == 0:
		return s
	case earlier == nil || earlier.denyAll:
		s.denyAll = true
		return s
	}
	complete := earlier.Policies[:len(earlier.Policies)-earlier.added]
	held := PolicySet{Policies: slices.Clone(complete), Generation: earlier.Generation}
	for _, p := range s.Policies {
		if p.Action == Deny {
			held.Policies = append(held.Policies, p)
		}
	}
	held.added = len(held.Policies) - len(complete)
	return held
}

// policyIndex finds the policies of a workload without a look at those of others.
type policyIndex struct {
	byKey       map[string]*indexedPolicy
	byNamespace map[string][]*indexedPolicy // of scope namespace
	byWorkload  map[string][]*indexedPolicy // of scope workload, by the UIDs in their own list
	global      []*indexedPolicy
}

type indexedPolicy struct {
	Policy
	sum [sha256.Size]byte // of its content
}

func newPolicyIndex(policies []Policy) (*policyIndex, error) {
	x := &policyIndex{byKey: make(map[string]*indexedPolicy, len(policies)), byNamespace: map[string][]*indexedPolicy{}, byWorkload: map[string][]*indexedPolicy{}}
	for i, p := range policies {
		if err := x.add(p); err != nil {
			return nil, fmt.Errorf("policies[%d] %q: %w", i, p.Name, err)
		}
	}
	return x, nil
}

func (x *policyIndex) add(p Policy) error {
	if err := p.validate(); err != nil {
		return err
	}
	if x.byKey[p.Key()] != nil {
		return fmt.Errorf("%s appears twice", p.Key())
	}
	content := p
	content.Workloads = nil // whom it selects is no part of what it says
	b, err := json.Marshal(content)
	if err != nil {
		return err
	}
	e := &indexedPolicy{p, sha256.Sum256(b)}
	x.byKey[p.Key()] = e
	switch p.Scope {
	case ScopeGlobal:
		x.global = append(x.global, e)
	case ScopeNamespace:
		x.byNamespace[p.Namespace] = append(x.byNamespace[p.Namespace], e)
	case ScopeWorkload:
		for _, uid := range p.Workloads {
			x.byWorkload[uid] = append(x.byWorkload[uid], e)
		}
	}
	return nil
}

// of is the set of a workload: the global policies, those of its namespace, and those
// that select it.
func (x *policyIndex) of(w *Workload) PolicySet {
	all := slices.Concat(x.global, x.byNamespace[w.Namespace], x.byWorkload[w.UID])
	var s PolicySet
	for _, key := range w.Policies {
		if e := x.byKey[key]; e != nil {
			all = append(all, e)
		} else {
			s.Unknown = append(s.Unknown, key)
		}
	}
	slices.SortFunc(all, func(a, b *indexedPolicy) int { return cmp.Compare(a.Key(), b.Key()) })
	all = slices.Compact(all)
	slices.Sort(s.Unknown)
	s.Unknown = slices.Compact(s.Unknown)
	h := sha256.New()
	for _, e := range all {
		s.Policies = append(s.Policies, e.Policy)
		h.Write(e.sum[:])
	}
	for _, key := range s.Unknown {
		fmt.Fprintf(h, "unknown %q\n", key)
	}
	s.Generation = hex.EncodeToString(h.Sum(nil)[:8])
	return s
}

// checkPolicies wants a file to have the policies that its workloads name. Only over xDS
// can they arrive later.
func (f *File) checkPolicies() error {
	known := make(map[string]bool, len(f.Policies))
	for _, p := range f.Policies {
		known[p.Key()] = true
	}
	for i, w := range f.Workloads {
		for _, key := range w.Policies {
			if !known[key] {
				return fmt.Errorf("workloads[%d] %q: it names the policy %q, which this file does not have", i, w.UID, key)
			}
		}
	}
	return nil
}

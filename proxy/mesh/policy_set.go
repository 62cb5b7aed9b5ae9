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
	// Unknown are keys of policies that the workload names and nobody knows, since over xDS a
	// workload can arrive before its policies, and of those that apply to it and could not be
	// used. ztunnel skips both, and so lets in whom the DENY among them would have denied.
	Unknown []string
	// Generation is a hash of the above: equal sets have equal ones, in every process.
	Generation string

	denyAll bool // until Unknown is known: there is nothing to judge by
	added   int  // DENYs at the end of Policies that an incomplete set has added
}

// Complete is the generation of a complete set, and nothing for another: that one is not
// what will be in force.
func (s *PolicySet) Complete() string {
	if len(s.Unknown) > 0 {
		return ""
	}
	return s.Generation
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

// indexedPolicy is a policy of a snapshot.
type indexedPolicy struct {
	Policy
	sum    [sha256.Size]byte // of its content
	unread bool              // only its name and scope are known: see Change.RejectPolicy
}

func indexed(p Policy) (*indexedPolicy, error) {
	if err := p.validate(); err != nil {
		return nil, err
	}
	p.Workloads = nil // whom it selects is no part of what it says
	b, err := json.Marshal(p.canonical())
	if err != nil {
		return nil, err
	}
	return &indexedPolicy{Policy: p, sum: sha256.Sum256(b)}, nil
}

// canonical is the policy as xDS has it: a rule's own match is a clause. So it has the
// same hash whichever way it came.
func (p Policy) canonical() Policy {
	rules := make([]Rule, 0, len(p.Rules))
	for _, r := range p.Rules {
		if !r.Match.isEmpty() {
			r = Rule{Clauses: append([]Clause{{r.Match}}, r.Clauses...)}
		}
		rules = append(rules, r)
	}
	p.Rules = rules
	return p
}

// Policies is what the connections of a workload are judged by: the global policies,
// those of its namespace, and those that it names.
func (s *Snapshot) Policies(w Workload) PolicySet {
	all := slices.Concat(s.namespaces.at(everyNamespace), s.namespaces.at(w.Namespace))
	var set PolicySet
	all = slices.DeleteFunc(all, func(e *indexedPolicy) bool {
		if e.unread {
			set.Unknown = append(set.Unknown, e.Name)
		}
		return e.unread
	})
	for _, key := range w.Policies {
		if e := s.policies.at(key); e != nil {
			all = append(all, e)
		} else {
			set.Unknown = append(set.Unknown, key)
		}
	}
	slices.SortFunc(all, func(a, b *indexedPolicy) int { return cmp.Compare(a.Key(), b.Key()) })
	all = slices.Compact(all)
	slices.Sort(set.Unknown)
	set.Unknown = slices.Compact(set.Unknown)
	h := sha256.New()
	for _, e := range all {
		set.Policies = append(set.Policies, e.Policy)
		h.Write(e.sum[:])
	}
	for _, key := range set.Unknown {
		fmt.Fprintf(h, "unknown %q\n", key)
	}
	set.Generation = hex.EncodeToString(h.Sum(nil)[:8])
	return set
}

package mesh

import "github.com/bulkhead-mesh/bulkhead/identity"

// ProbePolicies are the rules of redirect.ProbePort, in every workload of a trust domain:
// of the reserved identities one is allowed and one denied. The denied one is allowed as
// well: a Decide that looked at ALLOW first, or at nothing, would let it in.
func ProbePolicies(trustDomain string) *PolicySet {
	principal := func(r identity.Reserved) string {
		return trustDomain + "/ns/" + identity.ReservedNamespace + "/sa/" + string(r)
	}
	policy := func(a Action, of identity.Reserved, principals ...string) Policy {
		return Policy{Namespace: identity.ReservedNamespace, Name: string(of), Scope: ScopeGlobal, Action: a, Rules: []Rule{{Match: Match{Principals: principals}}}}
	}
	return &PolicySet{Policies: []Policy{
		policy(Allow, identity.Probe, principal(identity.Probe), principal(identity.ProbeDenied)),
		policy(Deny, identity.ProbeDenied, principal(identity.ProbeDenied)),
	}}
}

package identity

// Reserved are the identities that exist for one question: whether policy is enforced. A
// data plane lets the first one in, on a port that is nobody's application, and never the
// second. Any client of a CA may have them: they are good for nothing else.
type Reserved string

// The reserved identities.
const (
	Probe       Reserved = "probe"
	ProbeDenied Reserved = "probe-denied"
)

// ReservedNamespace is where no pod of a user lives.
const ReservedNamespace = "bulkhead-system"

// Of returns the reserved identity of a trust domain.
func (r Reserved) Of(trustDomain string) (ID, error) {
	return New(trustDomain, ReservedNamespace, string(r))
}

// IsReserved says whether an identity is a reserved one of its trust domain.
func (id ID) IsReserved() bool {
	r := Reserved(id.ServiceAccount())
	return !id.IsZero() && id.Namespace() == ReservedNamespace && (r == Probe || r == ProbeDenied)
}

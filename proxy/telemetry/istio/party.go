package istio

import (
	"cmp"
	"strings"

	"github.com/bulkhead-mesh/bulkhead/proxy/hbone"
	"github.com/bulkhead-mesh/bulkhead/proxy/mesh"
)

const (
	unknown  = "unknown"
	overflow = "overflow"
)

// Party is what labels say of one end of a connection; empty is unknown.
type Party struct {
	Workload, Namespace, Cluster        string
	CanonicalService, CanonicalRevision string
	Principal                           string
	Region, Zone                        string
}

// PartyOf is a workload as the mesh describes it. It has no principal: that is for who
// showed its SVID.
func PartyOf(w mesh.Workload) Party {
	name := cmp.Or(w.Controller, w.Name)
	return Party{
		Workload: name, Namespace: w.Namespace, Cluster: w.Cluster,
		CanonicalService: cmp.Or(w.CanonicalName, name), CanonicalRevision: cmp.Or(w.CanonicalRevision, "latest"),
		Region: w.Locality.Region, Zone: w.Locality.Zone,
	}
}

// claimed is a peer as its baggage describes it.
func claimed(text string) Party {
	b, err := hbone.ParseBaggage(text)
	if err != nil {
		return Party{}
	}
	return Party{
		Workload: clean(b.Workload), Namespace: clean(b.Namespace), Cluster: clean(b.Cluster),
		CanonicalService: clean(b.Service), CanonicalRevision: clean(b.Version), Region: clean(b.Region), Zone: clean(b.Zone),
	}
}

// maxLabel is longer than any name in Kubernetes.
const maxLabel = 253

// clean makes a label's value out of a stranger's words. Those that mean something in a
// label of ours say nothing.
func clean(s string) string {
	if len(s) > maxLabel {
		s = s[:maxLabel]
	}
	if s = strings.ToValidUTF8(s, ""); s == overflow {
		return ""
	}
	return said(s)
}

// word is clean for what is one word of our own programs.
func word(s string) string { return clean(s[:min(len(s), 64)]) }

// said is empty for the word that stands for nothing in labels. Two parties that read the
// same must be the same: a registry that meets a series twice fails as a whole.
func said(s string) string {
	if s == unknown {
		return ""
	}
	return s
}

// or fills in from q what p leaves open.
func (p Party) or(q Party) Party {
	return Party{
		Workload: first(p.Workload, q.Workload), Namespace: first(p.Namespace, q.Namespace), Cluster: first(p.Cluster, q.Cluster),
		CanonicalService: first(p.CanonicalService, q.CanonicalService), CanonicalRevision: first(p.CanonicalRevision, q.CanonicalRevision),
		Principal: first(p.Principal, q.Principal), Region: first(p.Region, q.Region), Zone: first(p.Zone, q.Zone),
	}
}

func first(a, b string) string { return cmp.Or(said(a), said(b)) }

// spilled is the peer of a series that counts what found no room.
var spilled = Party{
	Workload: overflow, Namespace: overflow, Cluster: overflow, CanonicalService: overflow, CanonicalRevision: overflow, Principal: overflow,
}

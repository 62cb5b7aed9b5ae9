package istio

import (
	"net/netip"
	"strings"

	"github.com/bulkhead-mesh/bulkhead/proxy/mesh"
	"github.com/bulkhead-mesh/bulkhead/proxy/telemetry"
)

// Labels tell one series from another, but for response_flags.
type Labels struct {
	reporter            string // source or destination
	source, destination Party
	service             string // host name
	mutual              bool   // mTLS
}

// Directory is who the mesh says a peer is.
type Directory interface {
	Workload(uid string) (mesh.Workload, bool)
	At(address netip.Addr) (mesh.Workload, bool)
}

// LabelsOf are those of a series that a workload counts.
func LabelsOf(d Directory, w mesh.Workload, k telemetry.Key) Labels {
	own, other := Party{}.or(PartyOf(w)), peer(d, k)
	l := Labels{service: clean(k.Service), mutual: !k.Identity.IsZero()}
	if l.mutual {
		own.Principal = w.Identity.String()
	}
	if k.Direction == telemetry.Outbound {
		l.reporter, l.source, l.destination = "source", own, other
	} else {
		l.reporter, l.source, l.destination = "destination", other, own
	}
	return l
}

func peer(d Directory, k telemetry.Key) Party {
	if k.Overflow {
		return spilled
	}
	p := claimed(k.Baggage)
	p.Principal = k.Identity.String()
	switch {
	case k.Peer != "":
		if w, ok := d.Workload(k.Peer); ok {
			return p.or(PartyOf(w))
		}
	case k.Address.IsValid():
		if w, ok := d.At(k.Address); ok {
			return p.or(PartyOf(w))
		}
	}
	return p.or(Party{Namespace: k.Identity.Namespace()})
}

// spill is where the series of l is counted when there are too many.
func (l Labels) spill() Labels {
	return Labels{reporter: l.reporter, source: spilled, destination: spilled, service: overflow}
}

// names of the labels, in the order of values.
var names = func() []string {
	n := []string{"reporter"}
	for _, end := range []string{"source_", "destination_"} {
		for _, name := range []string{"workload", "canonical_service", "canonical_revision", "workload_namespace", "principal", "app", "version", "cluster", "region", "zone"} {
			n = append(n, end+name)
		}
	}
	return append(n, "destination_service", "destination_service_name", "destination_service_namespace",
		"request_protocol", "connection_security_policy", "response_flags")
}()

func (l Labels) values(f telemetry.Flag) []string {
	v := append(make([]string, 0, len(names)), l.reporter)
	for _, p := range []Party{l.source, l.destination} {
		v = append(v, known(p.Workload), known(p.CanonicalService), known(p.CanonicalRevision), known(p.Namespace), known(p.Principal),
			known(p.CanonicalService), known(p.CanonicalRevision), known(p.Cluster), p.Region, p.Zone)
	}
	name, namespace := l.serviceName()
	security := unknown
	if l.mutual {
		security = "mutual_tls"
	}
	return append(v, known(l.service), known(name), known(namespace), "tcp", security, f.String())
}

// serviceName reads name and namespace out of a host name of Kubernetes. Any other is a
// name as a whole, as it is in Istio.
func (l Labels) serviceName() (name, namespace string) {
	if l.service == overflow {
		return overflow, overflow
	}
	parts := strings.SplitN(l.service, ".", 4)
	if len(parts) >= 3 && parts[2] == "svc" {
		return parts[0], parts[1]
	}
	return l.service, ""
}

func known(s string) string {
	if s == "" {
		return unknown
	}
	return s
}

package mesh

import (
	"encoding/json"
	"fmt"
	"net/netip"
	"slices"
	"strings"

	"github.com/bulkhead-mesh/bulkhead/identity"
)

// Protocol is how a workload wants to be reached (Workload.tunnel_protocol of
// istio's workload.proto). The zero value is TCP.
type Protocol uint8

const (
	TCP   Protocol = iota // plain TCP to the workload's own port
	HBONE                 // a CONNECT over mTLS to port 15008 of the workload's address
)

var protocolNames = []string{TCP: "TCP", HBONE: "HBONE"}

func (p Protocol) String() string {
	if int(p) < len(protocolNames) {
		return protocolNames[p]
	}
	return fmt.Sprintf("Protocol(%d)", uint8(p))
}

// MarshalText writes the name used in mesh files.
func (p Protocol) MarshalText() ([]byte, error) { return []byte(p.String()), nil }

// UnmarshalText accepts exactly TCP and HBONE.
func (p *Protocol) UnmarshalText(b []byte) error {
	i := slices.Index(protocolNames, string(b))
	if i < 0 {
		return fmt.Errorf("unknown protocol %q: use TCP or HBONE", b)
	}
	*p = Protocol(i)
	return nil
}

// Locality is where a workload runs (Workload.locality).
type Locality struct {
	Region  string `json:"region,omitempty"`
	Zone    string `json:"zone,omitempty"`
	Subzone string `json:"subzone,omitempty"`
}

// Workload is a pod as the mesh sees it. The fields are those of istio.workload.Workload
// (field numbers: workload.proto); what is left out there has the default named here.
type Workload struct {
	UID            string       `json:"uid"` // unique in the mesh; the lab uses namespace/name
	Name           string       `json:"name"`
	Namespace      string       `json:"namespace"`
	ServiceAccount string       `json:"serviceAccount"` // default "default"
	Node           string       `json:"node"`
	Addresses      []netip.Addr `json:"addresses"` // none: reached by Hostname only, which this version cannot
	Protocol       Protocol     `json:"protocol"`

	TrustDomain string    `json:"trustDomain,omitempty"` // default: that of the file or, over xDS, cluster.local
	Network     string    `json:"network,omitempty"`
	Cluster     string    `json:"cluster,omitempty"` // default Kubernetes
	Locality    Locality  `json:"locality,omitzero"`
	HostNetwork bool      `json:"hostNetwork,omitempty"` // its addresses are its node's: not found by address
	Unhealthy   bool      `json:"unhealthy,omitempty"`
	Capacity    *uint32   `json:"capacity,omitempty"` // weight among endpoints; default 1
	Hostname    string    `json:"hostname,omitempty"`
	Waypoint    *Waypoint `json:"waypoint,omitempty"`

	// For telemetry.
	CanonicalName     string `json:"canonicalName,omitempty"`
	CanonicalRevision string `json:"canonicalRevision,omitempty"`
	Kind              string `json:"kind,omitempty"`       // deployment, cronjob, pod or job
	Controller        string `json:"controller,omitempty"` // workload_name: of the deployment and so on

	// Services are those that it is an endpoint of, by Service.Key. The ports are its own
	// translation where it differs from the service's (named target ports); nil: the service's.
	Services map[string][]Port `json:"services,omitempty"`
	// Policies are those of scope workload that select it, by Policy.Key.
	Policies []string `json:"policies,omitempty"`

	// Identity is derived: spiffe://<trust domain>/ns/<namespace>/sa/<service account>.
	Identity identity.ID `json:"-"`
}

// Waypoint names an L7 proxy that connections to a workload or service must pass. This
// version has no waypoints: such a destination is refused, since to bypass its waypoint
// would be to bypass its policy.
type Waypoint struct {
	Hostname string     `json:"hostname,omitempty"` // namespace/hostname, or
	Address  netip.Addr `json:"address,omitzero"`
	Port     uint16     `json:"port"` // hbone_mtls_port
}

// Weight is the workload's share among the endpoints of a service.
func (w *Workload) Weight() uint32 {
	if w.Capacity == nil {
		return 1
	}
	return *w.Capacity
}

// workloadWire carries the identity as well, for the channel between keeper and
// cell; a mesh file must not contain it (it is derived there).
type workloadWire struct {
	Workload
	Identity identity.ID `json:"identity"`
}

// Address is the workload's first one, and the zero address when it has none: over xDS
// that happens.
func (w *Workload) Address() netip.Addr {
	if len(w.Addresses) == 0 {
		return netip.Addr{}
	}
	return w.Addresses[0]
}

// Wire returns the JSON that crosses the channel, identity included.
func (w Workload) Wire() (json.RawMessage, error) {
	return json.Marshal(workloadWire{w, w.Identity})
}

// FromWire is the inverse of Wire.
func FromWire(b json.RawMessage) (Workload, error) {
	var w workloadWire
	if err := strict(b, &w); err != nil {
		return Workload{}, err
	}
	w.Workload.Identity = w.Identity
	if w.UID == "" || w.Identity.IsZero() {
		return Workload{}, fmt.Errorf("workload without uid or identity")
	}
	return w.Workload, nil
}

// complete fills in defaults and derives the identity.
func (w *Workload) complete(trustDomain string) error {
	if w.UID == "" || w.Name == "" || w.Namespace == "" {
		return fmt.Errorf("uid, name and namespace are required")
	}
	if w.ServiceAccount == "" {
		w.ServiceAccount = "default" // as WDS does
	}
	if w.TrustDomain == "" {
		w.TrustDomain = trustDomain
	}
	var err error
	w.Identity, err = identity.New(w.TrustDomain, w.Namespace, w.ServiceAccount)
	return err
}

// address returns the address to call it at: the one that was asked for if it has it,
// else one of the families that may be used, of the same family if there is one.
func (w *Workload) address(asked netip.Addr, f Families) (netip.Addr, bool) {
	if slices.Contains(w.Addresses, asked) {
		return asked, true
	}
	var other netip.Addr
	for _, a := range w.Addresses {
		switch {
		case !f.allow(a):
		case a.Is4() == asked.Is4():
			return a, true
		case !other.IsValid():
			other = a
		}
	}
	return other, other.IsValid()
}

// port is where the workload serves a port of a service: what it says itself, else
// the service's target; 0 if neither does.
func (w *Workload) port(v *Service, port, target uint16) uint16 {
	for _, p := range w.Services[v.Key()] {
		if p.Port == port {
			return p.Target
		}
	}
	return target
}

// pod tells a pod from what was entered by hand (a WorkloadEntry): istiod's UIDs are
// CLUSTER/GROUP/KIND/NAMESPACE/NAME, and a pod's group is empty.
func (w *Workload) pod() bool { return strings.Contains(w.UID, "//Pod/") }

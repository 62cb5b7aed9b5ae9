package mesh

import (
	"encoding/json"
	"fmt"
	"net/netip"
	"slices"

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

// Workload is a pod as the mesh sees it.
type Workload struct {
	UID            string       `json:"uid"` // unique in the mesh; the lab uses namespace/name
	Name           string       `json:"name"`
	Namespace      string       `json:"namespace"`
	ServiceAccount string       `json:"serviceAccount"`
	Node           string       `json:"node"`
	Addresses      []netip.Addr `json:"addresses"`
	Protocol       Protocol     `json:"protocol"`
	// Identity is derived: spiffe://<trust domain>/ns/<namespace>/sa/<service account>.
	Identity identity.ID `json:"-"`
}

// workloadWire carries the identity as well, for the channel between keeper and
// cell; a mesh file must not contain it (it is derived there).
type workloadWire struct {
	Workload
	Identity identity.ID `json:"identity"`
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

// address returns the workload's address in the family of like, else its first.
func (w *Workload) address(like netip.Addr) netip.Addr {
	for _, a := range w.Addresses {
		if a.Is4() == like.Is4() {
			return a
		}
	}
	return w.Addresses[0]
}

// Port maps a port of a service to one of its endpoints.
type Port struct {
	Port   uint16 `json:"port"`
	Target uint16 `json:"target"`
}

// Service is a name with virtual addresses in front of workloads.
type Service struct {
	Name      string       `json:"name"`
	Namespace string       `json:"namespace"`
	Addresses []netip.Addr `json:"addresses"`
	Ports     []Port       `json:"ports"`
	Endpoints []string     `json:"endpoints"` // workload UIDs
}

// Hostname is the name under which HBONE authorities and logs know the service.
func (s *Service) Hostname() string { return s.Name + "." + s.Namespace + ".svc.cluster.local" }

func (s *Service) target(port uint16) (uint16, bool) {
	for _, p := range s.Ports {
		if p.Port == port {
			return p.Target, true
		}
	}
	return 0, false
}

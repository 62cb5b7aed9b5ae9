package admin

import (
	"net/netip"
	"time"
)

// Dump is GET /config_dump: what a keeper knows, in the shape of ztunnel's dump, so that
// the eyes and scripts which read that one read this one too. No private key is in it: the
// keeper has none of a workload's.
type Dump struct {
	Workloads []DumpWorkload `json:"workloads"`
	Services  []DumpService  `json:"services"`
	Policies  []DumpPolicy   `json:"policies"`
	// Staged are endpoints of services that nobody has told of yet, by service and UID.
	Staged       map[string]map[string]DumpEndpoint `json:"stagedServices"`
	Static       DumpStatic                         `json:"staticConfig"`
	Version      DumpVersion                        `json:"version"`
	Config       any                                `json:"config"` // the node's file, completed
	Certificates []DumpCertificate                  `json:"certificates"`
	// State is of the pods of this node, by UID.
	State map[string]DumpState `json:"workloadState"`
}

// DumpStatic is what a proxy of ztunnel's was told by a file and nobody else. Here nothing is: a mesh file is a source
// like another, and its contents are above.
type DumpStatic struct {
	Workloads []DumpWorkload `json:"workloads"`
	Services  []DumpService  `json:"services"`
	Policies  []DumpPolicy   `json:"policies"`
}

// DumpWorkload is one workload of the mesh.
type DumpWorkload struct {
	UID               string        `json:"uid"`
	Name              string        `json:"name"`
	Namespace         string        `json:"namespace"`
	ServiceAccount    string        `json:"serviceAccount"`
	TrustDomain       string        `json:"trustDomain"`
	WorkloadIPs       []netip.Addr  `json:"workloadIps"`
	Protocol          string        `json:"protocol"` // TCP or HBONE
	Network           string        `json:"network,omitempty"`
	NetworkMode       string        `json:"networkMode"` // Standard or HostNetwork
	Node              string        `json:"node,omitempty"`
	Cluster           string        `json:"clusterId"`
	Status            string        `json:"status"` // Healthy or Unhealthy
	Capacity          uint32        `json:"capacity"`
	Hostname          string        `json:"hostname,omitempty"`
	WorkloadName      string        `json:"workloadName,omitempty"`
	WorkloadType      string        `json:"workloadType,omitempty"`
	CanonicalName     string        `json:"canonicalName,omitempty"`
	CanonicalRevision string        `json:"canonicalRevision,omitempty"`
	Locality          DumpLocality  `json:"locality,omitzero"`
	Waypoint          *DumpWaypoint `json:"waypoint,omitempty"`
	Policies          []string      `json:"authorizationPolicies,omitempty"`
	Services          []string      `json:"services,omitempty"`
}

// DumpLocality is where a workload runs.
type DumpLocality struct {
	Region  string `json:"region,omitempty"`
	Zone    string `json:"zone,omitempty"`
	Subzone string `json:"subzone,omitempty"`
}

// DumpWaypoint is an L7 proxy that must be passed.
type DumpWaypoint struct {
	Destination string `json:"destination"`
	Port        uint16 `json:"hboneMtlsPort"`
}

// DumpService is one service with its endpoints by UID.
type DumpService struct {
	Name            string                  `json:"name"`
	Namespace       string                  `json:"namespace"`
	Hostname        string                  `json:"hostname"`
	VIPs            []string                `json:"vips"` // network/address, ranges too
	Ports           map[uint16]uint16       `json:"ports"`
	Endpoints       map[string]DumpEndpoint `json:"endpoints"`
	SubjectAltNames []string                `json:"subjectAltNames,omitempty"`
	LoadBalancer    *DumpBalancer           `json:"loadBalancer,omitempty"`
	Families        string                  `json:"ipFamilies,omitempty"`
	Visibility      string                  `json:"visibility,omitempty"`
	Canonical       bool                    `json:"canonical,omitempty"`
	Waypoint        *DumpWaypoint           `json:"waypoint,omitempty"`
}

// DumpEndpoint is a workload as an endpoint of a service.
type DumpEndpoint struct {
	UID    string            `json:"workloadUid"`
	Port   map[uint16]uint16 `json:"port"` // its own, where they differ from the service's
	Status string            `json:"status"`
}

// DumpBalancer is how endpoints are chosen.
type DumpBalancer struct {
	RoutingPreferences []string `json:"routingPreferences,omitempty"`
	Mode               string   `json:"mode,omitempty"`
	HealthPolicy       string   `json:"healthPolicy"` // OnlyHealthy or AllowAll
}

// DumpPolicy is one policy: a rule is an AND of ORs of matches.
type DumpPolicy struct {
	Name      string          `json:"name"`
	Namespace string          `json:"namespace"`
	Scope     string          `json:"scope"`  // Global, Namespace or WorkloadSelector
	Action    string          `json:"action"` // Allow or Deny
	DryRun    bool            `json:"dryRun,omitempty"`
	Rules     [][][]DumpMatch `json:"rules"`
}

// DumpMatch is an AND of its fields, each of which is an OR.
type DumpMatch struct {
	Namespaces         []string       `json:"namespaces,omitempty"`
	NotNamespaces      []string       `json:"notNamespaces,omitempty"`
	ServiceAccounts    []string       `json:"serviceAccounts,omitempty"` // namespace/name
	NotServiceAccounts []string       `json:"notServiceAccounts,omitempty"`
	Principals         []string       `json:"principals,omitempty"`
	NotPrincipals      []string       `json:"notPrincipals,omitempty"`
	SourceIPs          []netip.Prefix `json:"sourceIps,omitempty"`
	NotSourceIPs       []netip.Prefix `json:"notSourceIps,omitempty"`
	DestinationIPs     []netip.Prefix `json:"destinationIps,omitempty"`
	NotDestinationIPs  []netip.Prefix `json:"notDestinationIps,omitempty"`
	Ports              []uint16       `json:"destinationPorts,omitempty"`
	NotPorts           []uint16       `json:"notDestinationPorts,omitempty"`
}

// DumpVersion is what the keeper was built from.
type DumpVersion struct {
	Version        string `json:"version"`
	GitRevision    string `json:"gitRevision"`
	GoVersion      string `json:"goVersion"`
	BuildStatus    string `json:"buildStatus"` // Clean or Modified; empty: not said
	CryptoProvider string `json:"cryptoProvider"`
}

// DumpCertificate is what the CA gave to a cell for one identity.
type DumpCertificate struct {
	Identity string `json:"identity"`
	Cell     string `json:"cell"`
	// State is Available, Initializing, or Unavailable with the reason.
	State string               `json:"state"`
	Until *time.Time           `json:"expirationTime,omitempty"` // as the cell says; known also when the chain is not
	Chain []DumpCertificatePEM `json:"certChain"`                // empty: an earlier keeper passed it on
	Roots []DumpCertificatePEM `json:"rootCerts"`
}

// DumpCertificatePEM is one certificate, readable and whole.
type DumpCertificatePEM struct {
	PEM    []byte    `json:"pem"` // base64 in JSON
	Serial string    `json:"serialNumber"`
	From   time.Time `json:"validFrom"`
	Until  time.Time `json:"expirationTime"`
}

// DumpState is a pod of this node.
type DumpState struct {
	State       string          `json:"state"` // Pending or Up
	Info        DumpInfo        `json:"info"`
	Cell        string          `json:"cell"`
	Connections DumpConnections `json:"connections"`
}

// DumpInfo is what the node was told of a pod.
type DumpInfo struct {
	Name           string `json:"name"`
	Namespace      string `json:"namespace"`
	ServiceAccount string `json:"serviceAccount"`
}

// DumpConnections are those that are open, the newest of each process.
type DumpConnections struct {
	Inbound  []DumpConnection `json:"inbound"`
	Outbound []DumpConnection `json:"outbound"`
	// Error is why a process does not say.
	Error string `json:"error,omitempty"`
}

// DumpConnection is one of them.
type DumpConnection struct {
	Source      netip.AddrPort `json:"src"`
	Destination netip.AddrPort `json:"originalDst"`
	Actual      netip.AddrPort `json:"actualDst"`
	Protocol    string         `json:"protocol"` // HBONE or TCP
}

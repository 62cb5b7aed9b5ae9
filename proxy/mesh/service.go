package mesh

import (
	"fmt"
	"net/netip"
	"slices"
	"strings"
)

// Port maps a port of a service to one of its endpoints. Target 0 means that each
// endpoint has a port of its own for it (a named target port): see Workload.Services.
type Port struct {
	Port   uint16 `json:"port"`
	Target uint16 `json:"target"`
	App    string `json:"app,omitempty"` // app_protocol
}

// Service is a name with virtual addresses in front of workloads
// (istio.workload.Service). It is headless when it has no address.
type Service struct {
	Name      string         `json:"name"`
	Namespace string         `json:"namespace"`
	Host      string         `json:"hostname,omitempty"` // default NAME.NAMESPACE.svc.cluster.local
	Network   string         `json:"network,omitempty"`  // of the addresses
	Addresses []netip.Addr   `json:"addresses"`
	Prefixes  []netip.Prefix `json:"prefixes,omitempty"` // virtual addresses that are ranges
	Ports     []Port         `json:"ports"`
	Endpoints []string       `json:"endpoints,omitempty"` // workload UIDs; in a file, instead of Workload.Services

	SubjectAltNames []string      `json:"subjectAltNames,omitempty"` // accepted besides the endpoint's own identity
	Balance         LoadBalancing `json:"loadBalancing,omitzero"`
	Families        Families      `json:"families,omitempty"`
	Visibility      Visibility    `json:"visibility,omitempty"`
	Canonical       bool          `json:"canonical,omitempty"` // preferred where services share an address
	Waypoint        *Waypoint     `json:"waypoint,omitempty"`

	rejected bool // all but the addresses, and Host as its name, is not known: see Change.RejectAddresses
}

// Families is which address families a service offers (IPFamilies); empty is automatic.
type Families string

const (
	FamiliesAuto Families = ""
	FamilyV4     Families = "v4"
	FamilyV6     Families = "v6"
	FamiliesDual Families = "dual"
)

// Visibility is who sees a service's addresses; empty is everybody.
type Visibility string

const (
	VisiblePublic    Visibility = ""
	VisibleNamespace Visibility = "namespace" // workloads of its own namespace only
)

// LoadBalancing is LoadBalancing of workload.proto.
type LoadBalancing struct {
	Prefer []LocalityScope `json:"prefer,omitempty"` // routing_preference, most important first
	Mode   BalanceMode     `json:"mode,omitempty"`
	// AllHealth takes endpoints that are not healthy, too (ALLOW_ALL).
	AllHealth bool `json:"allHealth,omitempty"`
}

// LocalityScope is one thing that an endpoint may share with its client.
type LocalityScope string

const (
	ScopeRegion  LocalityScope = "region"
	ScopeZone    LocalityScope = "zone"
	ScopeSubzone LocalityScope = "subzone"
	ScopeNode    LocalityScope = "node"
	ScopeCluster LocalityScope = "cluster"
	ScopeNetwork LocalityScope = "network"
)

// BalanceMode is what the preference means; empty is every endpoint alike.
type BalanceMode string

const (
	BalanceAny         BalanceMode = ""
	BalanceStrict      BalanceMode = "strict"      // endpoints that share everything preferred, or none
	BalanceFailover    BalanceMode = "failover"    // those that share most
	BalancePassthrough BalanceMode = "passthrough" // to the address that was called
)

// Hostname is the name under which HBONE authorities and logs know the service.
func (s *Service) Hostname() string {
	if s.Host != "" {
		return s.Host
	}
	return s.Name + "." + s.Namespace + ".svc.cluster.local"
}

// Key is namespace/hostname, the service's name in xDS.
func (s *Service) Key() string { return s.Namespace + "/" + s.Hostname() }

func (s *Service) target(port uint16) (uint16, bool) {
	for _, p := range s.Ports {
		if p.Port == port {
			return p.Target, true
		}
	}
	return 0, false
}

// allow says whether an endpoint may be called at an address.
func (f Families) allow(a netip.Addr) bool {
	switch f {
	case FamilyV4:
		return a.Is4()
	case FamilyV6:
		return a.Is6()
	}
	return true
}

func (s *Service) visibleTo(namespace string) bool {
	return s.Visibility != VisibleNamespace || s.Namespace == namespace
}

// bits is the length of the narrowest of the service's ranges with the address in it;
// an address of its own is all of them.
func (s *Service) bits(a netip.Addr) int {
	if slices.Contains(s.Addresses, a) {
		return a.BitLen()
	}
	n := -1
	for _, p := range s.Prefixes {
		if p.Contains(a) {
			n = max(n, p.Bits())
		}
	}
	return n
}

func (s *Service) validate() error {
	if s.Name == "" || s.Namespace == "" {
		return fmt.Errorf("name and namespace are required")
	}
	for _, p := range s.Ports {
		if p.Port == 0 {
			return fmt.Errorf("a port must be between 1 and 65535")
		}
	}
	for _, p := range s.Prefixes {
		if !p.IsValid() {
			return fmt.Errorf("prefixes: an empty one is no range of addresses")
		}
	}
	scopes := []LocalityScope{ScopeRegion, ScopeZone, ScopeSubzone, ScopeNode, ScopeCluster, ScopeNetwork}
	for _, p := range s.Balance.Prefer {
		if err := oneOf("loadBalancing.prefer", p, scopes...); err != nil {
			return err
		}
	}
	if err := oneOf("loadBalancing.mode", s.Balance.Mode, BalanceAny, BalanceStrict, BalanceFailover, BalancePassthrough); err != nil {
		return err
	}
	if err := oneOf("families", s.Families, FamiliesAuto, FamilyV4, FamilyV6, FamiliesDual); err != nil {
		return err
	}
	return oneOf("visibility", s.Visibility, VisiblePublic, VisibleNamespace)
}

func oneOf[T ~string](field string, v T, all ...T) error {
	if slices.Contains(all, v) {
		return nil
	}
	var words []string
	for _, a := range all {
		if a != "" {
			words = append(words, string(a))
		}
	}
	return fmt.Errorf("%s %q: use %s", field, v, strings.Join(words, ", "))
}

package mesh

import (
	"bytes"
	"encoding/json"
	"fmt"
	"net/netip"
	"os"

	"sigs.k8s.io/yaml"
)

// File is the strict YAML form of the mesh. Unknown keys are errors.
type File struct {
	TrustDomain string     `json:"trustDomain"`
	Workloads   []Workload `json:"workloads"`
	Services    []Service  `json:"services"`
	Policies    []Policy   `json:"policies"`
	// PeerAuthentications say where plaintext is refused; without any it is not.
	PeerAuthentications []PeerAuthentication `json:"peerAuthentications,omitempty"`
}

// Snapshot is one complete, immutable view of the mesh.
type Snapshot struct {
	version   uint64
	workloads map[string]*Workload     // by UID
	byAddress map[netip.Addr]*Workload // workload addresses
	byVIP     map[netip.Addr]*Service
	services  []Service
	policies  *policyIndex
}

// Load reads and parses a mesh file.
func Load(path string, version uint64) (*Snapshot, error) {
	b, err := os.ReadFile(path)
	if err != nil {
		return nil, fmt.Errorf("mesh file: %w", err)
	}
	s, err := Parse(b, version)
	if err != nil {
		return nil, fmt.Errorf("mesh file %s: %w", path, err)
	}
	return s, nil
}

// Parse builds a snapshot out of a mesh file. It rejects the file as a whole:
// half a mesh would turn workloads into unknown addresses.
func Parse(b []byte, version uint64) (*Snapshot, error) {
	var f File
	if err := yaml.UnmarshalStrict(b, &f); err != nil {
		return nil, err
	}
	if err := f.checkPolicies(); err != nil {
		return nil, err
	}
	return New(f, version)
}

// New builds a snapshot; version must grow with every new snapshot of one holder.
func New(f File, version uint64) (*Snapshot, error) {
	f, err := f.desugar()
	if err != nil {
		return nil, err
	}
	s := &Snapshot{
		version:   version,
		workloads: make(map[string]*Workload, len(f.Workloads)),
		byAddress: make(map[netip.Addr]*Workload, 2*len(f.Workloads)),
		byVIP:     make(map[netip.Addr]*Service, 2*len(f.Services)),
		services:  f.Services,
	}
	for i := range f.Workloads {
		if err := s.addWorkload(f.TrustDomain, f.Workloads[i]); err != nil {
			return nil, fmt.Errorf("workloads[%d] %q: %w", i, f.Workloads[i].UID, err)
		}
	}
	for i := range f.Services {
		if err := s.addService(&s.services[i]); err != nil {
			return nil, fmt.Errorf("services[%d] %q: %w", i, f.Services[i].Name, err)
		}
	}
	if s.policies, err = newPolicyIndex(f.Policies); err != nil {
		return nil, err
	}
	return s, nil
}

func (s *Snapshot) addWorkload(trustDomain string, w Workload) error {
	if err := w.complete(trustDomain); err != nil {
		return err
	}
	if len(w.Addresses) == 0 {
		return fmt.Errorf("at least one address is required")
	}
	if _, dup := s.workloads[w.UID]; dup {
		return fmt.Errorf("uid appears twice")
	}
	s.workloads[w.UID] = &w
	for _, a := range w.Addresses {
		if other, dup := s.byAddress[a]; dup {
			return fmt.Errorf("address %s belongs to %s already", a, other.UID)
		}
		s.byAddress[a] = &w
	}
	return nil
}

func (s *Snapshot) addService(v *Service) error {
	if err := v.validate(); err != nil {
		return err
	}
	for _, uid := range v.Endpoints {
		if s.workloads[uid] == nil {
			return fmt.Errorf("endpoint %q is no workload of this file", uid)
		}
	}
	for _, a := range v.Addresses {
		if s.byAddress[a] != nil || s.byVIP[a] != nil {
			return fmt.Errorf("address %s is in use already", a)
		}
		s.byVIP[a] = v
	}
	return nil
}

// Version is the number given to New.
func (s *Snapshot) Version() uint64 { return s.version }

// Workload finds a workload by UID.
func (s *Snapshot) Workload(uid string) (Workload, bool) {
	w, ok := s.workloads[uid]
	if !ok {
		return Workload{}, false
	}
	return *w, true
}

// Policies is what the connections of a workload are judged by.
func (s *Snapshot) Policies(w Workload) PolicySet { return s.policies.of(&w) }

// Services returns the services that have the workload as an endpoint; they are
// what an HBONE authority with a host name may mean at this workload.
func (s *Snapshot) Services(uid string) []Service {
	var out []Service
	for _, v := range s.services {
		for _, e := range v.Endpoints {
			if e == uid {
				out = append(out, v)
				break
			}
		}
	}
	return out
}

func strict(b []byte, v any) error {
	d := json.NewDecoder(bytes.NewReader(b))
	d.DisallowUnknownFields()
	return d.Decode(v)
}

package mesh

import (
	"fmt"
	"net/netip"
	"os"
	"slices"

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

// loadFile reads a mesh file.
func loadFile(path string) (File, error) {
	b, err := os.ReadFile(path)
	if err != nil {
		return File{}, fmt.Errorf("mesh file: %w", err)
	}
	var f File
	if err := yaml.UnmarshalStrict(b, &f); err != nil {
		return File{}, fmt.Errorf("mesh file %s: %w", path, err)
	}
	return f, nil
}

// Parse builds a snapshot out of a mesh file. It rejects the file as a whole:
// half a mesh would turn workloads into unknown addresses.
func Parse(b []byte, version uint64) (*Snapshot, error) {
	var f File
	if err := yaml.UnmarshalStrict(b, &f); err != nil {
		return nil, err
	}
	return New(f, version)
}

// New builds a snapshot; version must grow with every new snapshot of one holder.
func New(f File, version uint64) (*Snapshot, error) {
	s, _, err := (*Snapshot)(nil).Replace(f, version)
	return s, err
}

// Replace is With for a whole file: what it does not contain is gone.
func (s *Snapshot) Replace(f File, version uint64) (*Snapshot, Effect, error) {
	var c Change
	if err := c.addFile(f); err != nil {
		return nil, Effect{}, err
	}
	for w := range s.EveryWorkload() {
		if c.workloads[w.UID] == nil {
			c.RemoveWorkload(w.UID)
		}
	}
	for v := range s.EveryService() {
		if c.services[v.Key()] == nil {
			c.RemoveService(v.Key())
		}
	}
	for p := range s.EveryPolicy() {
		if c.policies[p.Key()] == nil {
			c.RemovePolicy(p.Key())
		}
	}
	next, e := s.With(c, version)
	return next, e, nil
}

// addFile checks what only the writer of a file can mend, and brings it into the form
// that xDS has: the workload names its services and policies, not they it.
func (c *Change) addFile(f File) error {
	if err := f.checkPolicies(); err != nil {
		return err
	}
	f, err := f.desugar()
	if err != nil {
		return err
	}
	owners := map[netip.Addr]string{}
	workloads := map[string]*Workload{}
	for i := range f.Workloads {
		w := f.Workloads[i] // a copy: the caller's stays as it is
		if err := checkWorkload(&w, f.TrustDomain, workloads, owners); err != nil {
			return fmt.Errorf("workloads[%d] %q: %w", i, w.UID, err)
		}
	}
	for i, v := range f.Services {
		if err := c.addService(v, workloads, owners); err != nil {
			return fmt.Errorf("services[%d] %q: %w", i, v.Name, err)
		}
	}
	for i, p := range f.Policies {
		if err := c.addPolicy(p, workloads); err != nil {
			return fmt.Errorf("policies[%d] %q: %w", i, p.Name, err)
		}
	}
	for _, w := range workloads {
		if err := c.SetWorkload(*w); err != nil {
			return fmt.Errorf("workload %q: %w", w.UID, err)
		}
	}
	return nil
}

func checkWorkload(w *Workload, trustDomain string, workloads map[string]*Workload, owners map[netip.Addr]string) error {
	if err := w.complete(trustDomain); err != nil {
		return err
	}
	if len(w.Addresses) == 0 {
		return fmt.Errorf("at least one address is required")
	}
	if workloads[w.UID] != nil {
		return fmt.Errorf("uid appears twice")
	}
	workloads[w.UID] = w
	if w.HostNetwork { // its node's addresses, which others may have too
		return nil
	}
	for _, a := range w.Addresses {
		if other, dup := owners[a]; dup {
			return fmt.Errorf("address %s belongs to %s already", a, other)
		}
		owners[a] = w.UID
	}
	return nil
}

func (c *Change) addService(v Service, workloads map[string]*Workload, owners map[netip.Addr]string) error {
	for _, uid := range v.Endpoints {
		w := workloads[uid]
		if w == nil {
			return fmt.Errorf("endpoint %q is no workload of this file", uid)
		}
		if _, named := w.Services[v.Key()]; named {
			continue
		}
		services := map[string][]Port{v.Key(): nil}
		for k, ports := range w.Services {
			services[k] = ports
		}
		w.Services = services
	}
	v.Endpoints = nil
	for _, a := range v.Addresses { // another service may have it, too: see preferred
		if uid, dup := owners[a]; dup {
			return fmt.Errorf("address %s is in use already, by %s", a, uid)
		}
	}
	if c.services[v.Key()] != nil {
		return fmt.Errorf("%s appears twice", v.Key())
	}
	return c.SetService(v)
}

func (c *Change) addPolicy(p Policy, workloads map[string]*Workload) error {
	for _, uid := range p.Workloads {
		w := workloads[uid]
		if w == nil {
			return fmt.Errorf("%q is no workload of this file", uid)
		}
		if p.Scope == ScopeWorkload && !slices.Contains(w.Policies, p.Key()) {
			w.Policies = append(slices.Clip(w.Policies), p.Key())
		}
	}
	p.Workloads = nil
	if c.policies[p.Key()] != nil {
		return fmt.Errorf("%s appears twice", p.Key())
	}
	return c.SetPolicy(p)
}

package mesh

// File is the strict YAML form of the mesh, or of a part of it. Unknown keys are errors. Each
// element of a list is decoded by itself: an anchor of YAML is known in its own alone.
type File struct {
	TrustDomain string     `json:"trustDomain"`
	Workloads   []Workload `json:"workloads"`
	Services    []Service  `json:"services"`
	Policies    []Policy   `json:"policies"`
	// PeerAuthentications say where plaintext is refused; without any it is not.
	PeerAuthentications []PeerAuthentication `json:"peerAuthentications,omitempty"`
}

// Parse builds a snapshot out of a mesh file. It rejects the file as a whole:
// half a mesh would turn workloads into unknown addresses.
func Parse(b []byte, version uint64) (*Snapshot, error) {
	d, err := (*document)(nil).read("", b)
	if err != nil {
		return nil, err
	}
	s, _, err := (*Snapshot)(nil).become(d.says, version)
	return s, err
}

// New builds a snapshot; version must grow with every new snapshot of one holder.
func New(f File, version uint64) (*Snapshot, error) {
	s, _, err := (*Snapshot)(nil).Replace(f, version)
	return s, err
}

// Replace is With for a whole file: what it does not contain is gone.
func (s *Snapshot) Replace(f File, version uint64) (*Snapshot, Effect, error) {
	return s.become([]said{{written: f.written()}}, version)
}

// become is With for all that is said: what is not is gone.
func (s *Snapshot) become(all []said, version uint64) (*Snapshot, Effect, error) {
	c, err := compose(all)
	if err != nil {
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

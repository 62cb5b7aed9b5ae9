package mesh

import (
	"fmt"
	"maps"
	"slices"
)

// MTLSMode is whether plaintext may reach a workload.
type MTLSMode string

const (
	Strict     MTLSMode = "STRICT"     // mTLS only
	Permissive MTLSMode = "PERMISSIVE" // both; the default
)

// PeerAuthentication is the mTLS mode of the mesh, of a namespace or of some of its
// workloads; the narrowest one that names a mode holds, and the mode of a port before
// that of the whole.
//
// It is sugar of the mesh file. Over xDS it arrives as what it becomes here: a DENY of
// everybody without an identity.
type PeerAuthentication struct {
	Name      string              `json:"name,omitempty"`      // required with ports
	Namespace string              `json:"namespace,omitempty"` // empty: the mesh
	Workloads []string            `json:"workloads,omitempty"` // UIDs; empty: all of the namespace
	Mode      MTLSMode            `json:"mode,omitempty"`      // empty: that of the wider one
	Ports     map[uint16]MTLSMode `json:"ports,omitempty"`     // exceptions, of the workload's own ports
}

// The policy of workloads without exceptions is one for all, as in Istio.
const strictNamespace, strictName = "bulkhead-system", "strict"

// modes finds the peer authentications of a workload.
type modes struct {
	mesh        *PeerAuthentication
	byNamespace map[string]*PeerAuthentication
	byWorkload  map[string]*PeerAuthentication // by UID
	names       map[string]bool                // of those with ports
}

func newModes() *modes {
	return &modes{byNamespace: map[string]*PeerAuthentication{}, byWorkload: map[string]*PeerAuthentication{}, names: map[string]bool{}}
}

// none says that every workload has the default.
func (m *modes) none() bool { return m.mesh == nil && len(m.byNamespace)+len(m.byWorkload) == 0 }

func (m *modes) add(a *PeerAuthentication) error {
	if err := a.validate(); err != nil {
		return err
	}
	if len(a.Ports) > 0 {
		key := a.Namespace + "/" + a.Name
		if m.names[key] {
			return fmt.Errorf("%s appears twice", key)
		}
		m.names[key] = true
	}
	switch {
	case a.Namespace == "":
		if m.mesh != nil {
			return fmt.Errorf("the mesh has one already: %q", m.mesh.Name)
		}
		m.mesh = a
	case len(a.Workloads) == 0:
		if other := m.byNamespace[a.Namespace]; other != nil {
			return fmt.Errorf("namespace %s has one already: %q", a.Namespace, other.Name)
		}
		m.byNamespace[a.Namespace] = a
	}
	for _, uid := range a.Workloads {
		if other := m.byWorkload[uid]; other != nil {
			return fmt.Errorf("workload %s has one already: %q", uid, other.Name)
		}
		m.byWorkload[uid] = a
	}
	return nil
}

// check wants every workload that is named to exist: of a mistyped one it would never
// be noticed that plaintext still reaches it.
func (m *modes) check(namespace func(uid string) string) error {
	for _, uid := range slices.Sorted(maps.Keys(m.byWorkload)) {
		if a := m.byWorkload[uid]; namespace(uid) != a.Namespace {
			return fmt.Errorf("peerAuthentications %q: %q is no workload of namespace %s in this mesh", a.Name, uid, a.Namespace)
		}
	}
	return nil
}

func (a *PeerAuthentication) validate() error {
	if a.Namespace == "" && len(a.Workloads) > 0 {
		return fmt.Errorf("workloads need their namespace")
	}
	if err := oneOf("mode", a.Mode, "", Strict, Permissive); err != nil {
		return err
	}
	if len(a.Ports) == 0 {
		return nil
	}
	if a.Name == "" || len(a.Workloads) == 0 {
		return fmt.Errorf("ports need a name and workloads: they are those of an application")
	}
	for port, mode := range a.Ports {
		if port == 0 {
			return fmt.Errorf("a port must be between 1 and 65535")
		}
		if err := oneOf(fmt.Sprintf("ports[%d]", port), mode, Strict, Permissive); err != nil {
			return err
		}
	}
	return nil
}

// of is the policy that the modes of a workload make, if they forbid anything.
func (m *modes) of(w *Workload) (Policy, bool) {
	mode, ports, name := m.effective(w)
	var except []uint16 // ports of the other mode
	for _, port := range slices.Sorted(maps.Keys(ports)) {
		if ports[port] != mode {
			except = append(except, port)
		}
	}
	if mode == Permissive && len(except) == 0 {
		return Policy{}, false
	}
	p := Policy{Name: strictName, Namespace: strictNamespace, Scope: ScopeWorkload, Action: Deny}
	deny := Rule{Clauses: []Clause{{Match{NotPrincipals: []string{"*"}}}}}
	if len(except) > 0 {
		p.Name, p.Namespace = strictName+"-"+name, w.Namespace
		where := Match{Ports: except}
		if mode == Strict {
			where = Match{NotPorts: except}
		}
		deny.Clauses = append(deny.Clauses, Clause{where})
	}
	p.Rules = []Rule{deny}
	return p, true
}

// effective is the mode of a workload and of its ports, and who says the latter.
func (m *modes) effective(w *Workload) (mode MTLSMode, ports map[uint16]MTLSMode, name string) {
	mode = Permissive
	for _, a := range []*PeerAuthentication{m.mesh, m.byNamespace[w.Namespace], m.byWorkload[w.UID]} {
		if a == nil {
			continue
		}
		if a.Mode != "" {
			mode = a.Mode
		}
		ports, name = a.Ports, a.Name // only one of workloads has ports
	}
	return mode, ports, name
}

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

// authentication is a peer authentication and where it is written.
type authentication struct {
	place
	*PeerAuthentication
}

// already is the error of one for what has another.
func (a authentication) already(whose string) error {
	return fmt.Errorf("%s has one already: %q%s", whose, a.Name, placed(a.place))
}

// modes finds the peer authentications of a workload.
type modes struct {
	mesh        *authentication
	byNamespace map[string]*authentication
	byWorkload  map[string]*authentication // by UID
	names       map[string]place           // of those with ports
}

func newModes() *modes {
	return &modes{byNamespace: map[string]*authentication{}, byWorkload: map[string]*authentication{}, names: map[string]place{}}
}

// none says that every workload has the default.
func (m *modes) none() bool { return m.mesh == nil && len(m.byNamespace)+len(m.byWorkload) == 0 }

func (m *modes) add(a *authentication) error {
	if err := a.validate(); err != nil {
		return err
	}
	if len(a.Ports) > 0 {
		key := a.Namespace + "/" + a.Name
		if first, dup := m.names[key]; dup {
			return twice(key, first)
		}
		m.names[key] = a.place
	}
	switch {
	case a.Namespace == "":
		if m.mesh != nil {
			return m.mesh.already("the mesh")
		}
		m.mesh = a
	case len(a.Workloads) == 0:
		if other := m.byNamespace[a.Namespace]; other != nil {
			return other.already("namespace " + a.Namespace)
		}
		m.byNamespace[a.Namespace] = a
	}
	for _, uid := range a.Workloads {
		if other := m.byWorkload[uid]; other != nil {
			return other.already("workload " + uid)
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
			return a.says(fmt.Sprintf("peerAuthentications %q", a.Name), fmt.Errorf("%q is no workload of namespace %s in this mesh", uid, a.Namespace))
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

// of is the policy that the modes of a workload make, if they forbid anything, and where the last of them is written.
func (m *modes) of(w *Workload) (p Policy, at place, ok bool) {
	mode, ports, last := m.effective(w)
	var except []uint16 // ports of the other mode
	for _, port := range slices.Sorted(maps.Keys(ports)) {
		if ports[port] != mode {
			except = append(except, port)
		}
	}
	if mode == Permissive && len(except) == 0 {
		return Policy{}, place{}, false
	}
	p = Policy{Name: strictName, Namespace: strictNamespace, Scope: ScopeWorkload, Action: Deny}
	deny := Rule{Clauses: []Clause{{Match{NotPrincipals: []string{"*"}}}}}
	if len(except) > 0 {
		p.Name, p.Namespace = strictName+"-"+last.Name, w.Namespace
		where := Match{Ports: except}
		if mode == Strict {
			where = Match{NotPorts: except}
		}
		deny.Clauses = append(deny.Clauses, Clause{where})
	}
	p.Rules = []Rule{deny}
	return p, last.place, true
}

// effective is the mode of a workload and of its ports, and the narrowest that has a say; nil: none.
func (m *modes) effective(w *Workload) (mode MTLSMode, ports map[uint16]MTLSMode, last *authentication) {
	mode = Permissive
	for _, a := range []*authentication{m.mesh, m.byNamespace[w.Namespace], m.byWorkload[w.UID]} {
		if a == nil {
			continue
		}
		if a.Mode != "" {
			mode = a.Mode
		}
		ports, last = a.Ports, a // only one of workloads has ports
	}
	return mode, ports, last
}

package control

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"log/slog"
	"slices"

	corev3 "github.com/envoyproxy/go-control-plane/envoy/config/core/v3"
	"google.golang.org/protobuf/proto"

	"github.com/bulkhead-mesh/bulkhead/identity/bearer"
	"github.com/bulkhead-mesh/bulkhead/proxy/mesh"
	"github.com/bulkhead-mesh/bulkhead/proxy/wds"
	"github.com/bulkhead-mesh/bulkhead/proxy/xds"
)

// Views are the namespaces that a node is shown, by the node's name; a node that is not
// named is shown everything. They need tokens of kind node: what a proxy calls itself
// would be a wish.
//
// What a node is not shown is outside of the mesh for it, and so reached in plaintext if
// at all: views are for namespaces that have nothing to say to each other.
type Views map[string][]string

// newDiscovery makes the server of the mesh.
func newDiscovery(views Views, log *slog.Logger) *xds.Server {
	return xds.NewServer(xds.ServerConfig{
		Types: []string{wds.PolicyType, wds.AddressType}, // policies first: workloads name them
		Log:   log,
		View:  views.of,
		Node: func(ctx context.Context) string {
			caller, _ := bearer.CallerOf(ctx)
			return caller.Node // others have a token in common: the pods of a service account
		},
	})
}

// of is the view of whoever makes the call. A node always sees what runs on it, and
// policies that are not those of one namespace.
func (v Views) of(ctx context.Context, _ *corev3.Node) (xds.View, error) {
	caller, _ := bearer.CallerOf(ctx)
	namespaces, restricted := v[caller.Node]
	if caller.Node == "" || !restricted {
		return func(*xds.Resource) bool { return true }, nil
	}
	return func(r *xds.Resource) bool {
		return r.Scope == "" || r.Node == caller.Node || slices.Contains(namespaces, r.Scope)
	}, nil
}

// policyForm is how a policy is said.
type policyForm func(*mesh.Policy) xds.Resource

// serveMesh makes a snapshot what discovery says.
func serveMesh(s *xds.Server, snapshot *mesh.Snapshot, policy policyForm) {
	var policies, addresses []xds.Resource
	for p := range snapshot.EveryPolicy() {
		policies = append(policies, policy(p))
	}
	for v := range snapshot.EveryService() {
		addresses = append(addresses, Service(v))
	}
	for w := range snapshot.EveryWorkload() {
		addresses = append(addresses, Workload(w))
	}
	s.Replace(wds.PolicyType, policies)
	s.Replace(wds.AddressType, addresses)
}

// updateMesh makes what changed in a snapshot what discovery says.
func updateMesh(s *xds.Server, snapshot *mesh.Snapshot, e mesh.Effect, policy policyForm) {
	var policies, addresses []xds.Resource
	var noPolicies, noAddresses []string
	for key := range e.EachPolicy() {
		if p, ok := snapshot.Policy(key); ok {
			policies = append(policies, policy(&p))
		} else {
			noPolicies = append(noPolicies, key)
		}
	}
	for key := range e.EachService() {
		if v, ok := snapshot.Service(key); ok {
			addresses = append(addresses, Service(&v))
		} else if _, other := snapshot.Workload(key); !other { // the two have their names in common
			noAddresses = append(noAddresses, key)
		}
	}
	for uid := range e.EachWorkload() {
		if w, ok := snapshot.Workload(uid); ok {
			addresses = append(addresses, Workload(&w))
		} else if _, other := snapshot.Service(uid); !other {
			noAddresses = append(noAddresses, uid)
		}
	}
	s.Update(wds.PolicyType, policies, noPolicies)
	s.Update(wds.AddressType, addresses, noAddresses)
}

func policy(p *mesh.Policy) xds.Resource { return scoped(p, wds.Policy(p)) }

// laterAction is one that no proxy knows.
const laterAction = 99

// misstated is a policy as a newer control may say it, which proxies of today refuse.
func misstated(p *mesh.Policy) xds.Resource {
	m := wds.Policy(p)
	m.Action = laterAction
	return scoped(p, m)
}

func scoped(p *mesh.Policy, m proto.Message) xds.Resource {
	r := resource(p.Key(), m)
	if p.Scope == mesh.ScopeNamespace {
		r.Scope = p.Namespace
	}
	return r
}

// Service is the resource of a service.
func Service(v *mesh.Service) xds.Resource {
	r := resource(v.Key(), wds.Service(v))
	r.Scope = v.Namespace
	for _, a := range v.Addresses {
		r.Aliases = append(r.Aliases, v.Network+"/"+a.String())
	}
	return r
}

// Workload is the resource of a workload; it is known wherever one of its services is.
func Workload(w *mesh.Workload) xds.Resource {
	r := resource(w.UID, wds.Workload(w))
	r.Scope, r.Node = w.Namespace, w.Node
	for key := range w.Services {
		r.Groups = append(r.Groups, key)
	}
	slices.Sort(r.Groups)
	if w.HostNetwork {
		return r // its address is the node's
	}
	for _, a := range w.Addresses {
		r.Aliases = append(r.Aliases, w.Network+"/"+a.String())
	}
	return r
}

// resource has its content's hash as its version: a control that is started again has
// nothing to say to those who know it all.
func resource(name string, m proto.Message) xds.Resource {
	b, err := proto.MarshalOptions{Deterministic: true}.Marshal(m)
	if err != nil { // a string that is no UTF-8: package mesh read it as YAML, which has none
		b = []byte{}
	}
	sum := sha256.Sum256(b)
	return xds.Resource{Name: name, Version: hex.EncodeToString(sum[:8]), Value: b}
}

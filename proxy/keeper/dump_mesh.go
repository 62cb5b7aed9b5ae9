package keeper

import (
	"cmp"
	"maps"
	"reflect"
	"slices"

	"github.com/bulkhead-mesh/bulkhead/proxy/admin"
	"github.com/bulkhead-mesh/bulkhead/proxy/mesh"
)

// The mesh in the words of ztunnel's dump. The mesh's own JSON is that of the file, which
// has other words, and may change with it.

func dumpWorkloads(s *mesh.Snapshot) []admin.DumpWorkload {
	all := []admin.DumpWorkload{}
	for w := range s.EveryWorkload() {
		d := admin.DumpWorkload{
			UID: w.UID, Name: w.Name, Namespace: w.Namespace, ServiceAccount: w.ServiceAccount, TrustDomain: w.TrustDomain,
			WorkloadIPs: w.Addresses, Protocol: w.Protocol.String(), Network: w.Network, NetworkMode: "Standard",
			Node: w.Node, Cluster: cmp.Or(w.Cluster, "Kubernetes"), Status: healthOf(w), Capacity: w.Weight(), Hostname: w.Hostname,
			WorkloadName: w.Controller, WorkloadType: w.Kind, CanonicalName: w.CanonicalName, CanonicalRevision: w.CanonicalRevision,
			Locality: admin.DumpLocality(w.Locality), Waypoint: dumpWaypoint(w.Waypoint),
			Policies: w.Policies, Services: slices.Sorted(maps.Keys(w.Services)),
		}
		if w.HostNetwork {
			d.NetworkMode = "HostNetwork"
		}
		all = append(all, d)
	}
	slices.SortFunc(all, func(a, b admin.DumpWorkload) int { return cmp.Compare(a.UID, b.UID) })
	return all
}

func healthOf(w *mesh.Workload) string {
	if w.Unhealthy {
		return "Unhealthy"
	}
	return "Healthy"
}

func dumpWaypoint(w *mesh.Waypoint) *admin.DumpWaypoint {
	switch {
	case w == nil:
		return nil
	case w.Hostname != "":
		return &admin.DumpWaypoint{Destination: w.Hostname, Port: w.Port}
	}
	return &admin.DumpWaypoint{Destination: w.Address.String(), Port: w.Port}
}

// dumpServices are the services with their endpoints, and the endpoints whose service is
// not known.
func dumpServices(s *mesh.Snapshot) (all []admin.DumpService, staged map[string]map[string]admin.DumpEndpoint) {
	endpoints := map[string]map[string]admin.DumpEndpoint{} // by service and UID
	for w := range s.EveryWorkload() {
		for key, ports := range w.Services {
			if endpoints[key] == nil {
				endpoints[key] = map[string]admin.DumpEndpoint{}
			}
			endpoints[key][w.UID] = admin.DumpEndpoint{UID: w.UID, Port: dumpPorts(ports), Status: healthOf(w)}
		}
	}
	all = []admin.DumpService{}
	for v := range s.EveryService() {
		d := dumpService(v)
		if e := endpoints[v.Key()]; e != nil {
			d.Endpoints = e
			delete(endpoints, v.Key())
		}
		all = append(all, d)
	}
	slices.SortFunc(all, func(a, b admin.DumpService) int {
		return cmp.Or(cmp.Compare(a.Namespace, b.Namespace), cmp.Compare(a.Hostname, b.Hostname))
	})
	return all, endpoints
}

func dumpService(v *mesh.Service) admin.DumpService {
	d := admin.DumpService{
		Name: v.Name, Namespace: v.Namespace, Hostname: v.Hostname(), VIPs: []string{}, Ports: dumpPorts(v.Ports),
		Endpoints: map[string]admin.DumpEndpoint{}, SubjectAltNames: v.SubjectAltNames, Families: string(v.Families),
		Visibility: string(v.Visibility), Canonical: v.Canonical, Waypoint: dumpWaypoint(v.Waypoint),
	}
	for _, a := range v.Addresses {
		d.VIPs = append(d.VIPs, v.Network+"/"+a.String())
	}
	for _, p := range v.Prefixes {
		d.VIPs = append(d.VIPs, v.Network+"/"+p.String())
	}
	if b := v.Balance; b.Mode != mesh.BalanceAny || b.AllHealth || len(b.Prefer) > 0 {
		d.LoadBalancer = &admin.DumpBalancer{Mode: string(b.Mode), HealthPolicy: "OnlyHealthy"}
		if b.AllHealth {
			d.LoadBalancer.HealthPolicy = "AllowAll"
		}
		for _, p := range b.Prefer {
			d.LoadBalancer.RoutingPreferences = append(d.LoadBalancer.RoutingPreferences, string(p))
		}
	}
	return d
}

func dumpPorts(ports []mesh.Port) map[uint16]uint16 {
	all := map[uint16]uint16{}
	for _, p := range ports {
		all[p.Port] = p.Target
	}
	return all
}

var dumpScopes = map[mesh.Scope]string{mesh.ScopeGlobal: "Global", mesh.ScopeNamespace: "Namespace", mesh.ScopeWorkload: "WorkloadSelector"}

func dumpPolicies(s *mesh.Snapshot) []admin.DumpPolicy {
	all := []admin.DumpPolicy{}
	for p := range s.EveryPolicy() {
		d := admin.DumpPolicy{Name: p.Name, Namespace: p.Namespace, Scope: dumpScopes[p.Scope], Action: "Allow", DryRun: p.DryRun, Rules: [][][]admin.DumpMatch{}}
		if p.Action == mesh.Deny {
			d.Action = "Deny"
		}
		for _, r := range p.Rules {
			d.Rules = append(d.Rules, dumpRule(r))
		}
		all = append(all, d)
	}
	slices.SortFunc(all, func(a, b admin.DumpPolicy) int {
		return cmp.Or(cmp.Compare(a.Namespace, b.Namespace), cmp.Compare(a.Name, b.Name))
	})
	return all
}

// dumpRule writes a rule's own match as one more clause, which it is.
func dumpRule(r mesh.Rule) [][]admin.DumpMatch {
	clauses := [][]admin.DumpMatch{}
	if !reflect.ValueOf(r.Match).IsZero() {
		clauses = append(clauses, []admin.DumpMatch{dumpMatch(r.Match)})
	}
	for _, c := range r.Clauses {
		matches := []admin.DumpMatch{}
		for _, m := range c {
			matches = append(matches, dumpMatch(m))
		}
		clauses = append(clauses, matches)
	}
	return clauses
}

func dumpMatch(m mesh.Match) admin.DumpMatch {
	return admin.DumpMatch{
		Namespaces: m.Namespaces, NotNamespaces: m.NotNamespaces,
		ServiceAccounts: accounts(m.ServiceAccounts), NotServiceAccounts: accounts(m.NotServiceAccounts),
		Principals: m.Principals, NotPrincipals: m.NotPrincipals,
		SourceIPs: m.SourceIPs, NotSourceIPs: m.NotSourceIPs, DestinationIPs: m.DestinationIPs, NotDestinationIPs: m.NotDestinationIPs,
		Ports: m.Ports, NotPorts: m.NotPorts,
	}
}

func accounts(all []mesh.ServiceAccount) (names []string) {
	for _, a := range all {
		names = append(names, a.Namespace+"/"+a.Name)
	}
	return names
}

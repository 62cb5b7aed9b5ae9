package proxy

import (
	"github.com/bulkhead-mesh/bulkhead/proxy/hbone"
	"github.com/bulkhead-mesh/bulkhead/proxy/mesh"
)

// baggageOf names a workload to the other end, for its records and metrics.
func baggageOf(w mesh.Workload) string {
	name := w.Controller
	if name == "" {
		name = w.Name
	}
	service := w.CanonicalName
	if service == "" {
		service = name
	}
	return hbone.Baggage{
		Cluster: w.Cluster, Namespace: w.Namespace, WorkloadType: w.Kind, Workload: name,
		Service: service, Version: w.CanonicalRevision, Region: w.Locality.Region, Zone: w.Locality.Zone,
	}.Encode()
}

// serviceAt guesses which of the workload's services a peer meant that called the pod by
// its address: the first one that leads to the port. It is for metrics.
func (w *Workload) serviceAt(port uint16) string {
	for _, s := range w.view.Load().Services {
		for _, p := range s.Ports {
			if p.Target == port {
				return s.Hostname()
			}
		}
	}
	return ""
}

// Package wds translates between the messages that meshes speak over xDS
// (istio.workload.Address and istio.security.Authorization, the types published by
// istio.io/istio/pkg/workloadapi) and the types of package mesh.
//
// A [Batch] takes the resources of a response one by one. What it cannot read, or what
// package mesh would not take, is an error of that resource and of no other; the rest
// become one mesh.Change:
//
//	var b wds.Batch
//	for _, r := range resources {
//		if err := b.Add(r.Type, r.Name, r.Value); err != nil {
//			rejected[r.Name] = err
//		}
//	}
//	next, effect := snapshot.With(b.Change, version)
//
// [Workload], [Service] and [Policy] go the other way.
//
// Fields of messages that this version does not know are left aside, as protobuf means
// it, but for those of a policy's match: a condition that is not understood cannot be
// left out without letting somebody in, so the policy is rejected, and said to be.
//
// Limits: a service has addresses in one network, that of its first; those in others are
// left out. Gateways of other networks and application tunnels are not kept.
package wds

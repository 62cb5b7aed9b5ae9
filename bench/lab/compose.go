package lab

import "fmt"

// Plan is a topology as people think of it: without addresses, services and sentinels.
type Plan struct {
	Nodes         int
	Pods          []PlannedPod
	Edges, Denied []Edge
}

// PlannedPod is one pod of it.
type PlannedPod struct {
	Namespace, App, Account string
	Node                    int // from 1
	IPv6                    bool
}

// Compose gives addresses to all, a service to each pod, and two sentinels to the first nodes. An error is a *Misuse.
func Compose(p Plan) (Topology, error) {
	if p.Nodes < 1 || p.Nodes > maxNodes || len(p.Pods) > MostDense {
		return Topology{}, &Misuse{fmt.Sprintf("%d nodes with %d pods: use 1 to %d and at most %d", p.Nodes, len(p.Pods), maxNodes, MostDense)}
	}
	t := Topology{TrustDomain: "cluster.local", Edges: p.Edges, Denied: p.Denied}
	for n := range p.Nodes {
		t.Nodes = append(t.Nodes, newNode(n+1))
	}
	used := make(map[int]int) // pods per node
	add := func(namespace, app string, node int) Pod {
		used[node]++
		return newPod(namespace, app, node, used[node])
	}
	for i, planned := range p.Pods {
		pod := add(planned.Namespace, planned.App, planned.Node)
		pod.Account = planned.Account
		service := newService(pod.Namespace, pod.App, i)
		if !planned.IPv6 {
			pod.IPv6, service.IPv6 = Pod{}.IPv6, Service{}.IPv6
		}
		t.Pods, t.Services = append(t.Pods, pod), append(t.Services, service)
	}
	t.Sentinels = []Pod{add("sentinel", "a", 1), add("sentinel", "b", min(2, p.Nodes))}
	if err := t.Validate(); err != nil {
		return Topology{}, &Misuse{err.Error()}
	}
	return t, nil
}

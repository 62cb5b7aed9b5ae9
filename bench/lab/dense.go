package lab

import "fmt"

// MostDense is the largest node that Dense makes: host parts of its pods and of
// the services' virtual addresses are single bytes.
const MostDense = 200

// The nodes of a dense topology, and the tenant of the second one.
const (
	DenseNode = "node-1" // under test
	PeerNode  = "node-2"

	PeerNamespace = "peer"
	PeerIdle      = "peer/idle" // nobody asks it: what changes there disturbs no flow
)

// denseFlows bounds the edges: the load is the same however many pods there are.
const denseFlows = 8

// Dense is one node with so many pods, and a second one with a few peers. Its
// groups differ in size, so that the isolations between workload and shared differ:
// accounts have 1, 2, 3, 4, 1, 2 … replicas, and tenant n has n+1 accounts.
//
//	 10 pods    2 tenants    4 accounts
//	 50 pods    5 tenants   20 accounts
//	110 pods    8 tenants   44 accounts
//
// Eight edges (fewer with fewer pods), spread evenly over the pods, lead by turns
// from the node to its peer and back. An error is a *Misuse.
func Dense(pods int) (Topology, error) {
	if pods < 1 || pods > MostDense {
		return Topology{}, &Misuse{fmt.Sprintf("%d pods on a node: use 1 to %d", pods, MostDense)}
	}
	t := Topology{TrustDomain: "cluster.local", Nodes: []Node{newNode(1), newNode(2)}}
	for account, tenant, left := 1, 1, 2; len(t.Pods) < pods; account++ {
		if left == 0 {
			tenant++
			left = tenant + 1
		}
		left--
		t.addAccount(fmt.Sprintf("tenant-%d", tenant), fmt.Sprintf("app-%d", account), min((account-1)%4+1, pods-len(t.Pods)))
	}
	for i, app := range []string{"a", "b", "c", "idle"} {
		t.Pods = append(t.Pods, newPod(PeerNamespace, app, 2, i+1))
	}
	t.addDenseEdges(pods)
	return t, t.Validate()
}

// addAccount adds the replicas of one account, and a service in front of the first.
func (t *Topology) addAccount(namespace, account string, replicas int) {
	for i := range replicas {
		p := newPod(namespace, fmt.Sprintf("%s-%d", account, i+1), 1, len(t.Pods)+1)
		p.Account = account
		t.Pods = append(t.Pods, p)
		if i == 0 {
			s := newService(namespace, account, len(t.Services))
			s.Pod = p.Name()
			t.Services = append(t.Services, s)
		}
	}
}

func (t *Topology) addDenseEdges(pods int) {
	n := min(pods, denseFlows)
	for i := range n {
		pod, peer := t.Pods[i*pods/n].Name(), PeerNamespace+"/"+string(rune('a'+i%3))
		e := Edge{Name: "asks a peer", From: pod, To: peer}
		if i%2 == 1 {
			e = Edge{Name: "serves a peer", From: peer, To: pod}
		}
		t.Edges = append(t.Edges, e)
	}
}

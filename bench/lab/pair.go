package lab

// The pods of a pair, and their nodes.
const (
	PairClient     = "bench/client"
	PairServer     = "bench/server"
	PairClientNode = "node-1"
	PairServerNode = "node-2"
)

// Pair is two nodes with a pod each, of which one asks the other, who lets in only who has
// an identity of the trust domain: the smallest mesh with everything in it.
func Pair() Topology {
	return Topology{
		TrustDomain: "cluster.local",
		Nodes:       []Node{newNode(1), newNode(2)},
		Pods:        []Pod{newPod("bench", "client", 1, 1), newPod("bench", "server", 2, 1)},
		Edges:       []Edge{{From: PairClient, To: PairServer}},
		Strict:      []string{PairServer},
	}
}

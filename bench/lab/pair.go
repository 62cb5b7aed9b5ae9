package lab

import "fmt"

// The nodes of pairs.
const (
	PairClientNode = "node-1"
	PairServerNode = "node-2"
)

// PairClient is the name of the client of the nth pair, from 0; its server's is PairServer.
func PairClient(n int) string { return fmt.Sprintf("bench/client-%d", n+1) }

// PairServer is the name of the server of the nth pair.
func PairServer(n int) string { return fmt.Sprintf("bench/server-%d", n+1) }

// Pairs is two nodes with so many pods each, of which each on the one asks its own on the
// other. A server lets in only who has an identity of the trust domain: of one pair, it is
// the smallest mesh with everything in it. An error is a *Misuse.
func Pairs(n int) (Topology, error) {
	if n < 1 || n > MostDense {
		return Topology{}, &Misuse{fmt.Sprintf("%d pairs of pods: use 1 to %d", n, MostDense)}
	}
	t := Topology{TrustDomain: "cluster.local", Nodes: []Node{newNode(1), newNode(2)}}
	for i := range n {
		t.Pods = append(t.Pods, newPod("bench", fmt.Sprintf("client-%d", i+1), 1, i+1), newPod("bench", fmt.Sprintf("server-%d", i+1), 2, i+1))
		t.Edges = append(t.Edges, Edge{From: PairClient(i), To: PairServer(i)})
		t.Strict = append(t.Strict, PairServer(i))
	}
	return t, t.Validate()
}

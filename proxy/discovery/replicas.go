package discovery

import (
	"bytes"
	"crypto/sha256"
	"slices"

	"google.golang.org/grpc"

	"github.com/bulkhead-mesh/bulkhead/identity/bearer"
	"github.com/bulkhead-mesh/bulkhead/proxy/xds"
)

// replicas are those of a configuration, in the order in which this proxy wants them.
func replicas(c Config, proxy string) (all []xds.Replica) {
	for _, t := range inOrder(proxy, c.targets()) {
		all = append(all, xds.Replica{Name: t.Address, Dial: func() (*grpc.ClientConn, error) { return bearer.Dial(t) }})
	}
	return all
}

// inOrder has each proxy begin at another replica, and go on to another one when that is
// gone, whatever the order of the file: by the hash of both names (rendezvous hashing). To
// begin at a random place of the list, the obvious way, would give all that a dead replica
// had to its neighbour, and move proxies to others whenever they start.
func inOrder(proxy string, targets []bearer.Target) []bearer.Target {
	weight := func(t bearer.Target) []byte {
		sum := sha256.Sum256([]byte(proxy + "\x00" + t.Address))
		return sum[:]
	}
	return slices.SortedFunc(slices.Values(targets), func(a, b bearer.Target) int { return bytes.Compare(weight(a), weight(b)) })
}

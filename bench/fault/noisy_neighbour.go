package fault

import (
	"time"

	"github.com/bulkhead-mesh/bulkhead/bench/crowd"
)

const (
	noiseLasts = 4 * time.Second
	neighbours = "https://www.cncf.io/blog/2025/06/17/the-story-behind-the-great-sidecar-debate"
)

// NoisyNeighbour is a workload that takes what it can get: a crowd of clients in its
// pod, and handshakes at its door. Its data plane is not touched.
var NoisyNeighbour = noise{name: "noisy-neighbour", kind: crowd.Mix, times: 1, lasts: noiseLasts, says: "a crowd of slow clients, and handshakes at its door", about: About{
	Group: Resources, Does: "has a crowd of slow clients and handshakes come from and to the culprit",
	Incident: "On a small cluster iperf3 from a neighbour starved a demo that shared its ztunnel.",
	Source:   neighbours,
	Expect:   "Bystanders of the same process are served later, the more the less its budgets hold back.",
	Look:     "The rise of late answers against the null segment of the same turn.",
}}

// NoisyBulk is the neighbour that moves data.
var NoisyBulk = noise{name: "noisy-bulk", kind: crowd.Bulk, times: 4, lasts: noiseLasts, says: "a few connections that read all that comes", about: About{
	Group: Resources, Does: "has the culprit read many MiB per second through its data plane",
	Incident: "On a small cluster iperf3 from a neighbour starved a demo that shared its ztunnel.",
	Source:   neighbours,
	Expect:   "Bytes cost the process CPU: bystanders that share it wait for theirs, those beside it have their own share.",
	Look:     "Late answers of bystanders against the strength, and how many MiB came through.",
}}

// NoisyConnections is the neighbour without a connection pool.
var NoisyConnections = noise{name: "noisy-connections", kind: crowd.Connections, times: 4, lasts: noiseLasts, says: "one new connection after another", about: About{
	Group: Resources, Does: "has the culprit open one connection after another",
	Incident: "72,000 new connections a minute cost a ztunnel two CPUs, and the limit that would stop that is the same for every node.",
	Source:   "https://github.com/istio/ztunnel/issues/1288",
	Expect:   "Eight times is that incident. A budget of new connections makes the culprit wait and nobody else.",
	Look:     "How many of the connections came about, beside the late answers of bystanders.",
}}

// NoisyHandshakes is the neighbour at whose door they queue.
var NoisyHandshakes = noise{name: "noisy-handshakes", kind: crowd.Handshakes, times: 4, lasts: noiseLasts, says: "TLS handshakes at its door, each of which costs a signature", about: About{
	Group: Resources, Does: "has strangers begin TLS handshakes with the culprit's data plane",
	Incident: "Each handshake costs a signature, and whoever can reach the port can ask for one: no identity is needed.",
	Expect:   "The handshakes of one workload take turns with those of the others, and its budget bounds them.",
	Look:     "New connections of bystanders: reused ones need no handshake.",
}}

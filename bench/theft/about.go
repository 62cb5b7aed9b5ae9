package theft

import "github.com/bulkhead-mesh/bulkhead/bench/fault"

// About is what the catalogue says of the drill.
func About() fault.About {
	return fault.About{
		Group: fault.Security, Does: "steals the cell of the culprit: which keys it holds, and what it can reach",
		Incident: "Istio's security model says it: who takes a node's ztunnel has the private keys of every workload on that node.",
		Source:   "https://istio.io/latest/docs/ops/deployment/security-model/",
		Expect:   "A cell of one workload holds that one's key, a shared one those of the whole node.",
		Look:     "Keys held, whom the thief can speak as, and what the jail refuses.",
	}
}

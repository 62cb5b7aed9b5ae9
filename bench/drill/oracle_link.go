package drill

import "github.com/bulkhead-mesh/bulkhead/bench/measure"

// crossing is the flows between the culprit's node and another, whatever serves them:
// no placement carries a packet over a link that is cut.
func crossing(run *measure.Run) (ids []int) {
	nodes := map[string]string{}
	for _, w := range run.Workloads {
		nodes[w.Name] = w.Node
	}
	here := nodes[run.Culprit]
	for _, f := range run.Flows {
		if !f.Sentinel && !f.Denied && (nodes[f.Client] == here) != (nodes[f.Server] == here) {
			ids = append(ids, f.ID)
		}
	}
	return ids
}

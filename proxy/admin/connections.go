package admin

import "github.com/bulkhead-mesh/bulkhead/proxy"

// Connections are what one process has open for one workload, in GET /connections.
type Connections struct {
	Workload    string             `json:"workload"`
	Cell        string             `json:"cell"`
	PID         int                `json:"pid"`
	Open        int                `json:"open"`                  // in all; the list has the newest
	Connections []proxy.Connection `json:"connections,omitempty"` //
	Aside       []proxy.Aside      `json:"aside,omitempty"`       // endpoints that are set aside
	Error       string             `json:"error,omitempty"`       // why nothing is known
}

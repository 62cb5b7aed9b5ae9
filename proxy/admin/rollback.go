package admin

// Rollback is the body of POST /rollback: the node's proxy lets everything go and ends.
type Rollback struct {
	Seconds float64 `json:"seconds,omitempty"` // that open connections may go on; 0: an hour
	// Force: although the mesh still says that the node's workloads speak HBONE.
	Force bool `json:"force,omitempty"`
}

package admin

// Drain is the body of POST /drain: of the workloads, or of every one of the node.
type Drain struct {
	Workloads []string `json:"workloads,omitempty"` // UIDs; none: all
	Seconds   float64  `json:"seconds,omitempty"`   // that open connections may go on; 0: the node's drain
	Undo      bool     `json:"undo,omitempty"`      // serve them again
}

// Drained is what the drain of one workload did.
type Drained struct {
	Workload string  `json:"workload"`
	Cell     string  `json:"cell"`
	Open     uint64  `json:"open"` // connections, as the cell last said before
	Cut      int     `json:"cut"`  // of those that were open when the deadline came
	Seconds  float64 `json:"seconds"`
}

package lab

import "time"

// ProcUsage is what one process uses.
type ProcUsage struct {
	Proc
	PSS     int64         `json:"pss"`     // bytes; shared pages divided by their users
	Private int64         `json:"private"` // bytes that nobody else maps
	CPU     time.Duration `json:"cpu"`     // user and system time since its start
}

// Usage is what a data plane uses.
type Usage struct {
	At      int64         `json:"at"` // CLOCK_MONOTONIC, ns
	Procs   []ProcUsage   `json:"procs"`
	PSS     int64         `json:"pss"`
	Private int64         `json:"private"`
	CPU     time.Duration `json:"cpu"` // also of processes that have ended since Place
}

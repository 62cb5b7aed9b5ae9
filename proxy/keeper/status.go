package keeper

import (
	"maps"
	"slices"
	"time"
)

// CellStatus is one cell in GET /cells.
type CellStatus struct {
	Name       string        `json:"name"`
	PID        int           `json:"pid"`
	Generation int           `json:"generation"`
	Draining   []DrainStatus `json:"draining,omitempty"` // earlier processes
	Workloads  []string      `json:"workloads"`
	State      string        `json:"state"`
	Restarts   int           `json:"restarts"`
	InARow     int           `json:"inARow"`  // of them, without a long life between
	Looping    bool          `json:"looping"` // it dies again and again; while it is away its state says so too
	Delay      Duration      `json:"delay"`   // before its last restart
	Since      time.Time     `json:"since"`
	UID        int           `json:"uid"`
	Walls      Wall          `json:"walls"`    // in force; zero: none
	OOMKills   int64         `json:"oomKills"` // processes that ended at the memory wall
	// Policies are those of the cell's workloads: how far they are in force.
	Policies map[string]PolicyStatus `json:"policies,omitempty"`
	// Failing are the workloads whose connections are not captured, with what happens instead.
	Failing map[string]FailureAction `json:"failing,omitempty"`
}

func (c *keptCell) status() CellStatus {
	s := CellStatus{Name: c.group, PID: c.pid(), Generation: c.generation, State: string(c.shownState()), Restarts: c.deaths.Restarts, InARow: c.deaths.Row, Looping: c.looping(), Delay: Duration(c.deaths.Delay), Since: c.since, UID: c.uid(), Walls: c.walls.wall, OOMKills: c.walls.oomKills, Workloads: c.uids(), Policies: c.policies()}
	for uid, p := range c.pods {
		if p.failing.action != "" {
			s.fail(uid, p.failing.action)
		}
	}
	for _, x := range c.draining {
		d := DrainStatus{PID: x.pid, Generation: x.generation, Workloads: slices.Sorted(maps.Keys(x.snapshot()))}
		s.Draining = append(s.Draining, d)
	}
	return s
}

func (s *CellStatus) fail(uid string, a FailureAction) {
	if s.Failing == nil {
		s.Failing = map[string]FailureAction{}
	}
	s.Failing[uid] = a
}

// shownState tells a back-off after a mishap from one in a loop.
func (c *keptCell) shownState() cellState {
	if c.state == cellBackoff && c.looping() {
		return cellLooping
	}
	return c.state
}

// DrainStatus is an earlier process of a cell, which ends its connections.
type DrainStatus struct {
	PID        int      `json:"pid"`
	Generation int      `json:"generation"`
	Workloads  []string `json:"workloads"`
}

// PodStatus is one pod in GET /pods.
type PodStatus struct {
	Pod
	Cell      string        `json:"cell"`              // or sidecar/UID, none/UID: no cell of the node's
	State     string        `json:"state"`             // of the cell
	OnFailure FailureAction `json:"onFailure"`         // what its owner chose
	Failing   FailureAction `json:"failing,omitempty"` // what happens to its connections now; empty: they are captured
}

func (k *Keeper) podStatus(p *pod) PodStatus {
	return PodStatus{
		Pod: p.Pod, Cell: p.cell.group, State: string(p.cell.shownState()),
		OnFailure: k.config.OnFailure.of(p.Pod), Failing: p.failing.action,
	}
}

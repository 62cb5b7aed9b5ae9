package admin

import (
	"cmp"
	"time"

	"github.com/bulkhead-mesh/bulkhead/proxy/mesh"
)

// Node is what a keeper knows about who shares what, in GET /who: the answer to the first
// question of an incident.
type Node struct {
	Node      string    `json:"node"`
	PID       int       `json:"pid"`   // of the keeper
	Since     time.Time `json:"since"` // of the keeper
	Isolation string    `json:"isolation"`
	Mesh      Mesh      `json:"mesh"`
	Cells     []Cell    `json:"cells"` // and the pods that no cell serves, one by one: sidecar/UID, none/UID
}

// Mesh is what the keeper knows of the mesh.
type Mesh struct {
	Version uint64    `json:"version"`        // of its snapshot; 0: none yet
	Since   time.Time `json:"since,omitzero"` // of that
	Source  string    `json:"source"`         // where it comes from; of several replicas the one that was heard last

	Error    string    `json:"error,omitempty"`    // why nothing newer is heard
	Heard    time.Time `json:"heard,omitzero"`     // it is heard from, or with an error is not, since then
	Answered float64   `json:"answered,omitempty"` // seconds that the last sign of life of its source took
	Refused  string    `json:"refused,omitempty"`  // what of the newest is not used, and why
}

// Stands says how it stands with the mesh's source.
func (m *Mesh) Stands(s mesh.Standing) {
	m.Source = cmp.Or(s.Server, m.Source)
	m.Error, m.Heard, m.Answered, m.Refused = s.Error, s.Since, s.Answered.Seconds(), s.Refused
}

// Cell is a data-plane process with the workloads that share it.
type Cell struct {
	Name       string     `json:"name"`
	State      string     `json:"state"`
	PID        int        `json:"pid"`
	Generation int        `json:"generation"`
	Since      time.Time  `json:"since"` // of the state
	Health     string     `json:"health"`
	Restarts   int        `json:"restarts"`
	InARow     int        `json:"inARow"`
	Draining   []int      `json:"draining,omitempty"` // earlier processes, by pid
	Workloads  []Workload `json:"workloads"`
	Peers      []Peer     `json:"peers,omitempty"`
	Survival   *Survival  `json:"survival,omitempty"` // nil: the cell has not said what SVIDs it holds
}

// Well is the health of a cell in which nothing is wrong.
const Well = "well"

// Workload is one of those that share a cell.
type Workload struct {
	UID        string    `json:"uid"`
	Identity   string    `json:"identity,omitempty"` // empty: the mesh does not know the workload
	Since      time.Time `json:"since"`              // it shares this cell since then
	Open       uint64    `json:"open"`               // connections, as the cell last said
	Instead    string    `json:"instead,omitempty"`  // what happens to its connections in place of capture
	Drained    bool      `json:"drained,omitempty"`
	Generation string    `json:"generation,omitempty"` // of the policies that it is judged by
}

// Peer is a workload at the other end of open connections of a cell.
type Peer struct {
	Workload string `json:"workload"`       // UID, else identity, else address
	Node     string `json:"node,omitempty"` // where it runs, if the mesh knows it
	Open     int    `json:"open"`
}

package sidecar

import (
	"net/http"
	"os"
	"time"

	"github.com/bulkhead-mesh/bulkhead/identity"
	"github.com/bulkhead-mesh/bulkhead/proxy/admin"
)

// getWho has no ping of its own, as others have: it says what the last one told. Who is at
// the other ends it asks the cell, if not ?peers=no.
func (s *Sidecar) getWho(w http.ResponseWriter, r *http.Request) {
	n := admin.Node{Node: s.workload().Node, PID: os.Getpid(), Since: s.started, Isolation: "sidecar"}
	c := admin.Cell{Name: s.name(), State: s.state(), PID: n.PID, Since: s.started, Health: admin.Well}
	served := admin.Workload{UID: s.uid, Since: s.started}
	var own identity.ID
	if m := s.cell.Mesh(); m != nil {
		n.Mesh.Version = m.Version()
		if known, ok := m.Workload(s.uid); ok {
			own, served.Identity = known.Identity, known.Identity.String()
			served.Generation = m.Policies(known).Generation
		}
	}
	n.Mesh.Stands(s.source.Standing())
	s.mu.Lock()
	served.Open = s.counts.StillOpen()
	if s.unanswered > 0 {
		c.Health = "it does not answer pings"
	}
	c.Restarts, c.InARow = s.lives.Restarts, s.lives.InARow
	held := s.held(own)
	s.mu.Unlock()
	c.Workloads, c.Survival = []admin.Workload{served}, admin.SurvivalOf(held, time.Now())
	if r.URL.Query().Get("peers") != "no" {
		c.Peers = admin.PeersOf([]admin.Connections{s.connections(r.Context())}, s.cell.Mesh())[c.Name]
	}
	n.Cells = []admin.Cell{c}
	reply(w, n)
}

// held is when the SVID of the workload's identity ends, if the cell has one; those that it had
// under another name do not count. The caller holds mu.
func (s *Sidecar) held(own identity.ID) map[identity.ID]time.Time {
	held := map[identity.ID]time.Time{}
	if end, holds := s.svids[own]; holds && !end.IsZero() {
		held[own] = end
	}
	return held
}

func (s *Sidecar) state() string {
	if s.served.Load() {
		return "up"
	}
	return "none"
}

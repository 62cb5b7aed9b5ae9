package sidecar

import (
	"context"
	"net/http"
	"os"
	"time"

	"github.com/bulkhead-mesh/bulkhead/proxy/admin"
)

// lookPatience is for the cell to say what is open, as a keeper has it.
const lookPatience = 2 * time.Second

// getConnections answers what is open; of a workload that is not the sidecar's, nothing.
func (s *Sidecar) getConnections(w http.ResponseWriter, r *http.Request) {
	if of := r.URL.Query().Get("workload"); of != "" && of != s.uid {
		reply(w, []admin.Connections{})
		return
	}
	reply(w, []admin.Connections{s.connections(r.Context())})
}

func (s *Sidecar) connections(ctx context.Context) admin.Connections {
	ctx, cancel := context.WithTimeout(ctx, lookPatience)
	defer cancel()
	out := admin.Connections{Workload: s.uid, Cell: s.name(), PID: os.Getpid()}
	seen, err := s.cell.Look(ctx)
	if err != nil {
		out.Error = "the sidecar does not say what is open"
		return out
	}
	out.Open, out.Connections, out.Aside = seen.Open, seen.Connections, seen.Aside
	return out
}

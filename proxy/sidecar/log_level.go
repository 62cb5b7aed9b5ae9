package sidecar

import (
	"net/http"

	"github.com/bulkhead-mesh/bulkhead/proxy/admin"
)

// getLogging says from which level on the sidecar logs. A new process begins at info.
func (s *Sidecar) getLogging(w http.ResponseWriter, _ *http.Request) {
	reply(w, map[string]string{"level": admin.LevelName(s.level.Level())})
}

// postLogging changes it: ?level=debug, info, warn or error.
func (s *Sidecar) postLogging(w http.ResponseWriter, r *http.Request) {
	to, err := admin.ParseLevel(r.URL.Query().Get("level"))
	if err != nil {
		refuse(w, http.StatusBadRequest, err)
		return
	}
	s.level.Set(to)
	s.getLogging(w, r)
}

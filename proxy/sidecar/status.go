package sidecar

import (
	"net/http"
	"os"
	"time"

	"github.com/bulkhead-mesh/bulkhead/proxy/jail/cgroup"
	"github.com/bulkhead-mesh/bulkhead/proxy/vitals"
	"github.com/bulkhead-mesh/bulkhead/redirect/netns"
)

// name is that of the cell, as a keeper calls a pod's sidecar.
func (s *Sidecar) name() string { return "sidecar/" + s.uid }

// getCells has the fields of a keeper's /cells that a sidecar knows.
func (s *Sidecar) getCells(w http.ResponseWriter, _ *http.Request) {
	s.mu.Lock()
	l := s.lives
	s.mu.Unlock()
	reply(w, []any{struct {
		Name      string    `json:"name"`
		PID       int       `json:"pid"`
		Workloads []string  `json:"workloads"`
		State     string    `json:"state"`
		Since     time.Time `json:"since"`
		Restarts  int       `json:"restarts"`
		InARow    int       `json:"inARow"`
		Looping   bool      `json:"looping"`
	}{s.name(), os.Getpid(), []string{s.uid}, s.state(), s.started, l.Restarts, l.InARow, l.InARow >= loopDeaths}})
}

func (s *Sidecar) getPods(w http.ResponseWriter, _ *http.Request) {
	reply(w, []any{struct {
		UID  string `json:"uid"`
		Cell string `json:"cell"`
	}{s.uid, s.name()}})
}

// getVitals pings as well, since nobody else does.
func (s *Sidecar) getVitals(w http.ResponseWriter, r *http.Request) {
	_ = s.ping(r.Context()) // its outcome is in what follows
	s.mu.Lock()
	c, before := vitals.Cell{Name: s.name(), PID: os.Getpid(), Unanswered: s.unanswered}, s.lives.before
	s.mu.Unlock()
	c.Measure(cgroup.Mine())
	c.MeasureSelf()
	pod := vitals.LookAround(s.uid, s.workload().Node, netns.Own())
	reply(w, vitals.Vitals{PID: os.Getpid(), Started: s.started, Before: before, CA: s.signing.CA(), Cells: []vitals.Cell{c}, Pods: []vitals.Pod{pod}})
}

package triage

import (
	"net/netip"
	"strings"
	"time"

	"github.com/bulkhead-mesh/bulkhead/proxy/admin"
	"github.com/bulkhead-mesh/bulkhead/proxy/vitals"
)

// Observation is what some admin sockets said at one time.
type Observation struct {
	At      time.Time `json:"at"`
	Sources []Source  `json:"sources"`
}

// Source is one admin socket: a node's keeper, or a sidecar.
type Source struct {
	Socket  string             `json:"socket"`
	Problem string             `json:"problem,omitempty"` // why it did not answer; what follows is empty then
	Ready   string             `json:"ready,omitempty"`   // why it is not
	Cells   []Cell             `json:"cells,omitempty"`
	Pods    []Pod              `json:"pods,omitempty"`
	Who     admin.Node         `json:"who,omitzero"` // of sidecars not in old records
	Vitals  vitals.Vitals      `json:"vitals"`
	Metrics map[string]float64 `json:"metrics,omitempty"` // by series, as /metrics writes them: name{label="value"}
}

// Cell is one of GET /cells, as far as a rule reads it.
type Cell struct {
	Name       string            `json:"name"`
	PID        int               `json:"pid"`
	Since      time.Time         `json:"since"`
	Generation int               `json:"generation"`
	Workloads  []string          `json:"workloads"`
	State      string            `json:"state"`
	Restarts   int               `json:"restarts"`
	InARow     int               `json:"inARow"`
	Looping    bool              `json:"looping"`
	OOMKills   int64             `json:"oomKills"`
	Failing    map[string]string `json:"failing,omitempty"`
	Draining   []struct {
		PID int `json:"pid"`
	} `json:"draining,omitempty"`
}

// Pod is one of GET /pods, as far as a rule reads it.
type Pod struct {
	UID  string `json:"uid"`
	Cell string `json:"cell"`
}

// name is how people call the source: the node, or the pod of a sidecar.
func (s *Source) name() string {
	if s.Vitals.Node != "" {
		return s.Vitals.Node
	}
	for _, p := range s.Vitals.Pods {
		return p.UID
	}
	return s.Socket
}

// sidecar says whether the source is one.
func (s *Source) sidecar() bool { return s.Problem == "" && s.Vitals.Node == "" }

// cellPath is the path that one of its cells is.
func (s *Source) cellPath(cell string) Path {
	if s.sidecar() {
		return Path{KindCell, cell}
	}
	return Path{KindCell, s.name() + " " + cell}
}

func (s *Source) cell(name string) *Cell {
	for i := range s.Cells {
		if s.Cells[i].Name == name {
			return &s.Cells[i]
		}
	}
	return nil
}

func (s *Source) vitals(cell string) *vitals.Cell {
	for i := range s.Vitals.Cells {
		if s.Vitals.Cells[i].Name == cell {
			return &s.Vitals.Cells[i]
		}
	}
	return nil
}

func (s *Source) pod(uid string) *vitals.Pod {
	for i := range s.Vitals.Pods {
		if s.Vitals.Pods[i].UID == uid {
			return &s.Vitals.Pods[i]
		}
	}
	return nil
}

// source is what one socket said in an observation; nil: it was not asked.
func (o *Observation) source(socket string) *Source {
	for i := range o.Sources {
		if o.Sources[i].Socket == socket {
			return &o.Sources[i]
		}
	}
	return nil
}

// place is where a pod is.
type place struct{ workload, node string }

// places are the pods by address, as their own sockets say.
func (o *Observation) places() map[netip.Addr]place {
	found := map[netip.Addr]place{}
	for i := range o.Sources {
		s := &o.Sources[i]
		for _, p := range s.Vitals.Pods {
			for _, a := range p.Addresses {
				found[a] = place{p.UID, p.Node}
			}
		}
	}
	return found
}

// sum adds up the series of a metric that have all of some labels, each written as in
// /metrics: workload="a/web".
func (s *Source) sum(metric string, labels ...string) (total float64) {
series:
	for key, v := range s.Metrics {
		name, in, _ := strings.Cut(key, "{")
		if name != metric {
			continue
		}
		for _, l := range labels {
			if !strings.Contains(","+strings.TrimSuffix(in, "}")+",", ","+l+",") {
				continue series
			}
		}
		total += v
	}
	return total
}

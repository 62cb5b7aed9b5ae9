package keeper

import (
	"cmp"
	"fmt"
	"net/http"
	"os"
	"slices"
	"strings"
	"time"

	"github.com/bulkhead-mesh/bulkhead/proxy/admin"
	"github.com/bulkhead-mesh/bulkhead/proxy/mesh"
)

// getWho answers who shares what with whom, for the whole node: who asks for one workload
// wants its neighbours as well. Who is at the other ends only the cells know, and one that
// hangs takes two seconds to say nothing: with ?peers=no they are not asked.
func (k *Keeper) getWho(w http.ResponseWriter, r *http.Request) {
	n := admin.Node{Node: k.config.Node, PID: os.Getpid(), Since: k.since, Cells: []admin.Cell{}}
	s := k.snapshot.Load()
	k.do(func() {
		n.Isolation = string(k.config.Isolation)
		n.Mesh = k.meshStatus(s)
		for _, c := range k.cells {
			n.Cells = append(n.Cells, k.who(c, s))
		}
	})
	if r.URL.Query().Get("peers") != "no" {
		talk := admin.PeersOf(k.connections(r.Context(), ""), s)
		for i, c := range n.Cells {
			n.Cells[i].Peers = talk[c.Name]
		}
	}
	slices.SortFunc(n.Cells, func(a, b admin.Cell) int { return strings.Compare(a.Name, b.Name) })
	reply(w, n)
}

func (k *Keeper) meshStatus(s *mesh.Snapshot) admin.Mesh {
	m := admin.Mesh{Source: cmp.Or(k.config.Mesh, k.config.Discovery.String()), Since: k.meshSince}
	if s != nil {
		m.Version = s.Version()
	}
	m.Stands(k.mesh.Standing())
	return m
}

// who is one cell with those that share it.
func (k *Keeper) who(c *keptCell, s *mesh.Snapshot) admin.Cell {
	out := admin.Cell{
		Name: c.group, State: string(c.shownState()), PID: c.pid(), Generation: c.generation, Since: c.since,
		Health: k.health(c), Restarts: c.deaths.Restarts, InARow: c.deaths.Row, Workloads: []admin.Workload{},
	}
	if c.current != nil {
		out.Survival = admin.SurvivalOf(k.held(c.current), time.Now())
	}
	for _, x := range c.draining {
		out.Draining = append(out.Draining, x.pid)
	}
	for _, uid := range c.uids() {
		p := c.pods[uid]
		w := admin.Workload{UID: uid, Since: p.joined, Instead: string(p.failing.action), Drained: p.drained}
		if known, ok := workloadOf(s, uid); ok {
			w.Identity = known.Identity.String()
		}
		if c.current != nil {
			w.Generation = c.current.views[uid]
		}
		for _, x := range c.processes() {
			w.Open += x.now[uid].StillOpen()
		}
		out.Workloads = append(out.Workloads, w)
	}
	return out
}

// health says in a few words what is wrong with a cell, the worst first.
func (k *Keeper) health(c *keptCell) string {
	switch x := c.current; {
	case c.outside():
		return "not this node's: " + string(isolationOf(c.group))
	case c.looping() && c.state == cellBackoff:
		return fmt.Sprintf("crash-looping: %d deaths in a row", c.deaths.Row)
	case x == nil:
		return string(c.state)
	case x.foreign:
		return "of another version: it is being replaced"
	case x.pinged > 1:
		return fmt.Sprintf("%d pings unanswered", x.pinged)
	case !c.settled():
		return "does not serve all of its workloads yet"
	case time.Since(c.since) < aliveLongEnough && c.deaths.Row > 0:
		return "came back " + time.Since(c.since).Round(time.Second).String() + " ago"
	}
	return admin.Well
}

package keeper

import (
	"net/http"
	"os"
	"slices"
	"strings"
	"time"

	"github.com/bulkhead-mesh/bulkhead/proxy/jail/cgroup"
	"github.com/bulkhead-mesh/bulkhead/proxy/vitals"
	"github.com/bulkhead-mesh/bulkhead/redirect/netns"
)

// started is when this keeper began.
var started = time.Now()

// getVitals says what the kernel knows of cells and pods. Only what the loop owns is read
// on the loop; files and sockets are not waited for there.
func (k *Keeper) getVitals(w http.ResponseWriter, _ *http.Request) {
	v := vitals.Vitals{Node: k.config.Node, PID: os.Getpid(), Started: started, Cells: []vitals.Cell{}, Pods: []vitals.Pod{}}
	groups := map[string]*cgroup.Group{}
	spaces := map[string]*netns.Namespace{}
	k.do(func() {
		for _, c := range k.cells {
			if !c.outside() {
				v.Cells = append(v.Cells, c.vitals())
				groups[c.group] = c.walls.group
			}
		}
		for uid, p := range k.pods {
			spaces[uid] = p.netns
		}
	})
	for i := range v.Cells {
		v.Cells[i].Measure(groups[v.Cells[i].Name])
	}
	for uid, ns := range spaces {
		v.Pods = append(v.Pods, vitals.Look(uid, v.Node, ns))
	}
	slices.SortFunc(v.Cells, func(a, b vitals.Cell) int { return strings.Compare(a.Name, b.Name) })
	slices.SortFunc(v.Pods, func(a, b vitals.Pod) int { return strings.Compare(a.UID, b.UID) })
	reply(w, v)
}

// vitals is what the loop knows of a cell.
func (c *keptCell) vitals() vitals.Cell {
	v := vitals.Cell{Name: c.group, FilesMost: c.walls.wall.Files, Death: c.death}
	if c.current != nil {
		v.PID, v.Unanswered = c.pid(), c.current.pinged
	}
	return v
}

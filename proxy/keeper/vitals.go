package keeper

import (
	"net/http"
	"os"
	"slices"
	"strings"
	"time"

	"github.com/bulkhead-mesh/bulkhead/proxy/jail/cgroup"
	"github.com/bulkhead-mesh/bulkhead/proxy/vitals"
)

// started is when this keeper began.
var started = time.Now()

// getVitals says what the kernel knows of cells and pods. Only what the loop owns is read
// on the loop; files and sockets are not waited for there.
func (k *Keeper) getVitals(w http.ResponseWriter, _ *http.Request) {
	v := vitals.Vitals{Node: k.config.Node, PID: os.Getpid(), Started: started, Before: k.before, CA: k.signing.CA(), Cells: []vitals.Cell{}, Pods: []vitals.Pod{}}
	groups := map[string]*cgroup.Group{}
	var pods []*pod
	k.do(func() {
		for _, c := range k.cells {
			if !c.outside() {
				v.Cells = append(v.Cells, c.vitals())
				groups[c.group] = c.walls.group
			}
		}
		for _, p := range k.pods {
			pods = append(pods, p)
		}
	})
	for i := range v.Cells {
		v.Cells[i].Measure(groups[v.Cells[i].Name])
	}
	for _, p := range pods {
		x := vitals.Look(p.UID, v.Node, p.netns)
		x.Recapture = int(p.recaptured.Load())
		if drift := p.rules.drift(p); drift != nil {
			x.Rules = drift.Error()
		}
		v.Pods = append(v.Pods, x)
	}
	slices.SortFunc(v.Cells, func(a, b vitals.Cell) int { return strings.Compare(a.Name, b.Name) })
	slices.SortFunc(v.Pods, func(a, b vitals.Pod) int { return strings.Compare(a.UID, b.UID) })
	reply(w, v)
}

// vitals is what the loop knows of a cell.
func (c *keptCell) vitals() vitals.Cell {
	v := vitals.Cell{Name: c.group, Death: c.death}
	if c.current != nil {
		v.PID, v.Unanswered = c.pid(), c.current.pinged
	}
	return v
}

package keeper

import (
	"errors"
	"fmt"
	"net/http"
	"time"

	"github.com/bulkhead-mesh/bulkhead/proxy/cell"
	"github.com/bulkhead-mesh/bulkhead/proxy/cell/fault"
)

// standing is a fault that strikes every process that serves its workload, wherever
// that is moved, until its time is over: a poison.
type standing struct {
	order fault.Order
	until time.Time
}

var errNoFaults = errors.New("this keeper strikes nobody: start bulkhead-node with --allow-faults, in a lab")

// postFault strikes the cell of a workload.
func (k *Keeper) postFault(w http.ResponseWriter, r *http.Request) {
	if !k.config.AllowFaults {
		fail(w, http.StatusForbidden, errNoFaults)
		return
	}
	var body struct {
		Workload string      `json:"workload"`
		Order    fault.Order `json:"order"`
	}
	err := decode(w, r, &body)
	if err == nil {
		err = body.Order.Check()
	}
	if err != nil {
		fail(w, http.StatusBadRequest, err)
		return
	}
	k.do(func() { err = k.strike(body.Workload, body.Order) })
	answer(w, err, map[string]bool{"struck": true})
}

func (k *Keeper) strike(uid string, o fault.Order) error {
	for _, c := range k.cells {
		p := c.pods[uid]
		if p == nil {
			continue
		}
		if c.current == nil {
			return fmt.Errorf("the cell of %s does not run", uid)
		}
		o.Workload = uid
		k.log.Warn("fault ordered", "cell", c.group, "fault", o.Name, "for", o.For)
		p.fault = standing{}
		if o.Name == fault.Exit {
			p.fault = standing{o, time.Now().Add(o.For)}
		}
		c.current.tell(&cell.Message{Fault: &o})
		return nil
	}
	return &notFound{fmt.Errorf("no cell serves %q", uid)}
}

// deleteFault ends what still stands for the cell of a workload.
func (k *Keeper) deleteFault(w http.ResponseWriter, r *http.Request) {
	if !k.config.AllowFaults {
		fail(w, http.StatusForbidden, errNoFaults)
		return
	}
	k.do(func() {
		if p := k.pods[r.URL.Query().Get("workload")]; p != nil {
			p.fault = standing{}
		}
	})
	reply(w, map[string]bool{"calm": true})
}

// strikeAgain is for a process that begins to serve the pod.
func (p *pod) strikeAgain(x *process) {
	if time.Now().Before(p.fault.until) {
		x.tell(&cell.Message{Fault: &p.fault.order})
	}
}

package keeper

import (
	"context"
	"fmt"
	"net/http"
	"slices"
	"strings"
	"time"
)

// Replaced says what the replacement of a cell did.
type Replaced struct {
	Cell     string   `json:"cell"`
	FromPID  int      `json:"fromPID,omitempty"` // 0: the cell was away
	PID      int      `json:"pid,omitempty"`     // 0: the cell's last pod left meanwhile
	Took     Duration `json:"took"`              // until the successor served every workload
	Draining uint64   `json:"draining"`          // connections that were open in the predecessor when it last said
	Drain    Duration `json:"drain"`             // how long they may stay open
}

// replaceCell has a cell's successor take over and returns when it serves. A
// successor that never does leaves its predecessor serving.
func (k *Keeper) replaceCell(ctx context.Context, group string) (Replaced, error) {
	r := Replaced{Cell: group, Drain: k.config.Drain}
	began := time.Now()
	var c *keptCell
	var done <-chan struct{}
	var names []string
	k.do(func() {
		if c = k.cells[group]; c == nil || c.outside() {
			c = nil
			names = k.cellNames()
			return
		}
		if r.FromPID = c.pid(); c.current != nil {
			r.Draining = c.current.open()
		}
		done = k.replace(c)
	})
	if c == nil {
		return r, &notFound{fmt.Errorf("no cell %q on this node; it has: %s", group, strings.Join(names, ", "))}
	}
	select {
	case <-done:
	case <-ctx.Done():
		return r, fmt.Errorf("cell %s is not replaced: no successor serves its workloads (a predecessor that ran goes on): %w", group, context.Cause(ctx))
	case <-k.ended:
		return r, errEnding
	}
	k.do(func() { r.PID = c.pid() })
	r.Took = Duration(time.Since(began))
	return r, nil
}

func (k *Keeper) cellNames() []string {
	var names []string
	for group, c := range k.cells {
		if !c.outside() {
			names = append(names, group)
		}
	}
	slices.Sort(names)
	return names
}

// open is how many connections the process had when it last said.
func (x *process) open() (n uint64) {
	for _, c := range x.now {
		n += c.StillOpen()
	}
	return n
}

func (k *Keeper) postReplace(w http.ResponseWriter, r *http.Request) {
	var body struct {
		Cell string `json:"cell"`
	}
	if err := decode(w, r, &body); err != nil {
		fail(w, http.StatusBadRequest, err)
		return
	}
	ctx, cancel := context.WithTimeout(r.Context(), podTimeout)
	defer cancel()
	done, err := k.replaceCell(ctx, body.Cell)
	answer(w, err, done)
}

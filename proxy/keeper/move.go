package keeper

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"time"
)

// Moved says what a move did.
type Moved struct {
	UID      string   `json:"uid"`
	From     string   `json:"from"`              // group
	To       string   `json:"to"`                //
	FromPID  int      `json:"fromPID,omitempty"` // 0: no process served the workload
	PID      int      `json:"pid"`
	Waited   Duration `json:"waited"`   // how long nobody accepted new connections
	Draining uint64   `json:"draining"` // connections that were open in the old cell when it last said
}

var errMovedAway = errors.New("the pod was removed while it was moved")

// move gives a pod an isolation of its own, or with an empty one what the node's
// configuration says, and returns when its new cell serves it. A cell that cannot
// leaves the pod where it was.
func (k *Keeper) move(ctx context.Context, uid string, to Isolation) (Moved, error) {
	if to != "" && !to.valid() {
		return Moved{}, &badRequest{checkIsolation("isolation", to)}
	}
	var p *pod
	k.do(func() { p = k.pods[uid] })
	if p == nil {
		return Moved{}, &notFound{fmt.Errorf("no pod %q on this node", uid)}
	}
	drained := false
	k.do(func() { drained = p.drained })
	if drained {
		return Moved{}, &badRequest{fmt.Errorf("pod %s is drained: nobody would serve it where it goes; undo the drain first", uid)}
	}
	select { // one move of a pod at a time
	case p.moving <- struct{}{}:
		defer func() { <-p.moving }()
	case <-ctx.Done():
		return Moved{}, context.Cause(ctx)
	}
	began := time.Now()
	var before Isolation
	var answer chan error
	var m Moved
	served := false
	k.do(func() {
		before = p.Isolation
		m, answer, served = k.beginMove(p, to)
	})
	err := k.awaitMove(ctx, p, answer)
	k.do(func() {
		p.answers = nil
		if err != nil && p.dropped == nil {
			p.Isolation = before
			k.note(p)
			k.assign(p)
		}
		m.PID = p.cell.pid()
	})
	if !served {
		m.Waited = Duration(time.Since(began))
	}
	return m, err
}

// beginMove assigns the pod anew; served says whether somebody accepts meanwhile.
func (k *Keeper) beginMove(p *pod, to Isolation) (m Moved, answer chan error, served bool) {
	if p.dropped != nil {
		return m, nil, false
	}
	old := p.cell
	m = Moved{UID: p.UID, From: old.group}
	served = p.placed.outside()
	for x, d := range p.duties {
		if d.ready {
			served, m.FromPID = true, x.pid
			m.Draining = x.now[p.UID].StillOpen()
		}
	}
	p.Isolation = to
	k.note(p)
	answer = make(chan error, 1)
	p.answers = answer
	k.assign(p)
	m.To = p.cell.group
	if p.cell == old {
		m.Draining = 0
		p.answer(nil)
	}
	k.log.Info("workload moves", "workload", p.UID, "from", m.From, "to", m.To)
	return m, answer, served
}

func (k *Keeper) awaitMove(ctx context.Context, p *pod, answer <-chan error) error {
	if answer == nil {
		return errMovedAway
	}
	select {
	case err := <-answer:
		return err
	case <-ctx.Done():
		return fmt.Errorf("pod %s stays where it was: its new cell does not serve it: %w", p.UID, context.Cause(ctx))
	case <-k.ended:
		return errEnding
	}
}

// answer tells a waiting move how it went, once.
func (p *pod) answer(err error) {
	if p.answers == nil {
		return
	}
	p.answers <- err
	p.answers = nil
}

func (k *Keeper) postMove(w http.ResponseWriter, r *http.Request) {
	var body struct {
		UID       string    `json:"uid"`
		Isolation Isolation `json:"isolation"`
	}
	if err := decode(w, r, &body); err != nil {
		fail(w, http.StatusBadRequest, err)
		return
	}
	ctx, cancel := context.WithTimeout(r.Context(), podTimeout)
	defer cancel()
	m, err := k.move(ctx, body.UID, body.Isolation)
	answer(w, err, m)
}

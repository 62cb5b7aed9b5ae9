package keeper

import (
	"context"
	"errors"
	"fmt"
	"time"

	"golang.org/x/time/rate"

	"github.com/bulkhead-mesh/bulkhead/identity"
	"github.com/bulkhead-mesh/bulkhead/proxy/cell"
	"github.com/bulkhead-mesh/bulkhead/proxy/channel"
	"github.com/bulkhead-mesh/bulkhead/proxy/mesh"
)

// Questions of a cell are answered by the goroutine that heard them, on the channel on
// which they came. So an answer can reach no other process, and a cell that does not
// read its answers is not listened to: a queue of them would be the cell's to fill.

const (
	// maxSigning bounds the CSRs of one cell that wait for the CA at a time.
	maxSigning = 8
	// csrsPerSecond and csrsAtOnce bound what one cell, over all its processes, can ask
	// of the CA. A cell asks once per identity, when it starts, and then twice per life
	// of an SVID.
	csrsPerSecond = 10
	csrsAtOnce    = 256
	// signTimeout is longer than a cell waits for its answer.
	signTimeout = 15 * time.Second
)

func newCSRLimit() *rate.Limiter { return rate.NewLimiter(csrsPerSecond, csrsAtOnce) }

// resolve answers for workloads of the asking cell only.
func (k *Keeper) resolve(x *process, q *cell.Resolve) *cell.Answer {
	if _, ok := x.serves(q.UID); !ok {
		return &cell.Answer{ID: q.ID, Error: fmt.Sprintf("this cell does not serve %q", cut(q.UID))}
	}
	// Noted before the snapshot is read: a push either finds the note, or its snapshot is read.
	x.asked.note(q.Dst.Addr())
	return &cell.Answer{ID: q.ID, Answer: k.snapshot.Load().ResolveFrom(k.mesh, q.UID, q.Dst)}
}

func (o *outbox) answer(a *cell.Answer) error {
	err := o.reply(&cell.Message{Answer: a})
	var size *channel.SizeError
	if errors.As(err, &size) {
		err = o.reply(&cell.Message{Answer: &cell.Answer{ID: a.ID, Error: "the destination has more endpoints than a message holds"}})
	}
	return err
}

func (o *outbox) reply(m *cell.Message) error {
	b, err := cell.Encode(m)
	if err != nil {
		return err
	}
	return o.conn.Send(b)
}

// sign has the CA sign a CSR, if the identity is one of a workload that the cell
// serves: a stolen cell can ask for no others.
func (k *Keeper) sign(x *process, o *outbox, q *cell.Sign) error {
	id, err := k.authorize(x, q.Identity)
	if err != nil {
		return o.signed(&cell.Signed{ID: q.ID, Error: cut(err.Error())})
	}
	select {
	case o.signing <- struct{}{}:
	default:
		return o.signed(&cell.Signed{ID: q.ID, Error: "too many CSRs under way, ask again"})
	}
	if !x.cell.csrs.Allow() {
		<-o.signing
		return o.signed(&cell.Signed{ID: q.ID, Error: "too many CSRs, ask again later"})
	}
	k.running.Go(func() {
		defer func() { <-o.signing }()
		s := k.signature(id, q, k.urgency(x, id))
		x.issued.note(id, s)
		_ = o.signed(s) // a channel that has ended ends its reader too
	})
	return nil
}

func (o *outbox) signed(s *cell.Signed) error { return o.reply(&cell.Message{Signed: s}) }

// signature waits for a turn and asks the CA. A cell that asks the same again, because its
// channel or its patience ended, gets the answer to what it asked first.
func (k *Keeper) signature(id identity.ID, q *cell.Sign, u urgency) *cell.Signed {
	s, err, _ := k.desk.same.Do(id.String()+" "+string(q.CSR), func() (any, error) {
		ctx, cancel := context.WithTimeout(k.life, signTimeout)
		defer cancel()
		if err := k.desk.enter(ctx, u); err != nil {
			return nil, fmt.Errorf("%d calls of the CA are under way already: %w", callsAtOnce, err)
		}
		defer k.desk.leave()
		chain, roots, err := k.signer.Sign(ctx, id, q.CSR)
		return &cell.Signed{Chain: chain, Roots: roots}, err
	})
	if err != nil {
		return &cell.Signed{ID: q.ID, Error: cut(err.Error())}
	}
	signed := *s.(*cell.Signed)
	signed.ID = q.ID
	return &signed
}

// urgency is that of a CSR of the process.
func (k *Keeper) urgency(x *process, id identity.ID) (u urgency) {
	k.do(func() { u = urgencyOf(x.svids, id, k.patient(x, id), time.Now()) })
	return u
}

// patient says whether all workloads of the identity that the process serves are served by
// another one meanwhile.
func (k *Keeper) patient(x *process, id identity.ID) bool {
	s := k.snapshot.Load()
	for uid, p := range x.snapshot() {
		if w, known := workloadOf(s, uid); !known || w.Identity != id {
			continue
		}
		if d := p.duties[x]; d == nil || !d.patient() {
			return false
		}
	}
	return true
}

func (k *Keeper) authorize(x *process, text string) (identity.ID, error) {
	id, err := identity.Parse(text)
	if err != nil {
		return id, err
	}
	s := k.snapshot.Load()
	for _, p := range x.snapshot() {
		if w, ok := workloadOf(s, p.UID); ok && w.Identity == id {
			return id, nil
		}
	}
	return id, fmt.Errorf("this cell serves no workload with the identity %s", id)
}

func workloadOf(s *mesh.Snapshot, uid string) (mesh.Workload, bool) {
	if s == nil {
		return mesh.Workload{}, false
	}
	return s.Workload(uid)
}

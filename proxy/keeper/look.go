package keeper

import (
	"cmp"
	"context"
	"fmt"
	"net/http"
	"slices"
	"sync"
	"time"

	"github.com/bulkhead-mesh/bulkhead/proxy/admin"
	"github.com/bulkhead-mesh/bulkhead/proxy/cell"
)

// lookPatience is for a cell to say which connections are open.
const lookPatience = 2 * time.Second

// looks are the questions to cells which connections are open. What a cell answers is a
// claim, and its size that of a packet.
type looks struct {
	mu      sync.Mutex
	next    uint64
	waiting map[uint64]look
}

type look struct {
	process *process
	answer  chan *cell.Seen // one, buffered
}

// begin notes a question.
func (l *looks) begin(x *process) (uint64, look) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.waiting == nil {
		l.waiting = map[uint64]look{}
	}
	l.next++
	q := look{x, make(chan *cell.Seen, 1)}
	l.waiting[l.next] = q
	return l.next, q
}

func (l *looks) end(id uint64) {
	l.mu.Lock()
	defer l.mu.Unlock()
	delete(l.waiting, id)
}

// seen takes an answer, of the process that was asked and no other.
func (l *looks) seen(x *process, s *cell.Seen) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if q, ok := l.waiting[s.ID]; ok && q.process == x {
		delete(l.waiting, s.ID)
		q.answer <- s
	}
}

// look asks one process about one workload.
func (k *Keeper) look(ctx context.Context, x *process, uid string) (*cell.Seen, error) {
	ctx, cancel := context.WithTimeout(ctx, lookPatience)
	defer cancel()
	id, q := k.looks.begin(x)
	defer k.looks.end(id)
	k.do(func() { x.tell(&cell.Message{Look: &cell.Look{ID: id, UID: uid}}) })
	select {
	case s := <-q.answer:
		return s, nil
	case <-ctx.Done():
		return nil, fmt.Errorf("process %d of cell %s does not say what is open", x.pid, x.cell.group)
	}
}

// connections are what all processes that serve the node's pods have open, or those of
// one pod.
func (k *Keeper) connections(ctx context.Context, only string) []admin.Connections {
	type question struct {
		uid, cell string
		process   *process
	}
	var all []question
	k.do(func() {
		for uid, p := range k.pods {
			for x := range p.duties {
				if (only == "" || only == uid) && !x.foreign {
					all = append(all, question{uid, x.cell.group, x})
				}
			}
		}
	})
	out := make([]admin.Connections, len(all))
	var asking sync.WaitGroup
	for i, q := range all {
		asking.Go(func() {
			out[i] = admin.Connections{Workload: q.uid, Cell: q.cell, PID: q.process.pid}
			s, err := k.look(ctx, q.process, q.uid)
			if err != nil {
				out[i].Error = err.Error()
				return
			}
			out[i].Open, out[i].Connections, out[i].Aside = s.Open, s.Connections, s.Aside
		})
	}
	asking.Wait()
	slices.SortFunc(out, func(a, b admin.Connections) int {
		return cmp.Or(cmp.Compare(a.Workload, b.Workload), cmp.Compare(a.PID, b.PID))
	})
	return out
}

func (k *Keeper) getConnections(w http.ResponseWriter, r *http.Request) {
	reply(w, k.connections(r.Context(), r.URL.Query().Get("workload")))
}

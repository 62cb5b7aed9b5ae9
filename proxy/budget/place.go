package budget

import (
	"context"
	"sync"
	"sync/atomic"
)

// Place is the right of one connection, tunnel or dial to be there.
type Place struct {
	account  *Account
	resource Resource
	gate     *gate
	once     sync.Once
	turn     atomic.Bool // a dial's, until Begun

	// Guarded by account.mu; set by Under.
	cut          context.CancelCauseFunc
	older, newer *Place
	listed       bool
}

// Leave gives the place back; the second time it does nothing.
func (p *Place) Leave() {
	if p == nil {
		return
	}
	p.Begun()
	p.once.Do(func() {
		if p.cut != nil {
			p.account.unlist(p)
			p.cut(nil)
		}
		p.gate.leave(p.account.limit(p.resource))
	})
}

// Begun ends the turn of a dial; the second time it does nothing.
func (p *Place) Begun() {
	if p != nil && p.turn.CompareAndSwap(true, false) {
		p.account.turns.give()
	}
}

// Under returns a context that ends with ctx, at Leave, or with an *Error for Memory
// when the connection is shed. It is called at most once.
func (p *Place) Under(ctx context.Context) context.Context {
	if p == nil {
		return ctx
	}
	ctx, p.cut = context.WithCancelCause(ctx)
	p.account.list(p)
	return ctx
}

// Cut ends the context of Under with a cause; it is for a place of which Under was asked. (As
// a method with a cause it would be a closure, and an allocation, wherever it is passed on.)
func (p *Place) Cut() context.CancelCauseFunc { return p.cut }

func (a *Account) list(p *Place) {
	a.mu.Lock()
	defer a.mu.Unlock()
	p.listed = true
	if p.older = a.newest; p.older != nil {
		p.older.newer = p
	}
	a.newest = p
}

func (a *Account) unlist(p *Place) {
	a.mu.Lock()
	defer a.mu.Unlock()
	a.unlistLocked(p)
}

func (a *Account) unlistLocked(p *Place) {
	if !p.listed {
		return
	}
	if p.newer == nil {
		a.newest = p.older
	} else {
		p.newer.older = p.older
	}
	if p.older != nil {
		p.older.newer = p.newer
	}
	p.older, p.newer, p.listed = nil, nil, false
}

// Shed cuts the newest eighth of the connections, at least one, and returns how many
// that were. The newest, because what floods a cell came last.
func (a *Account) Shed() int {
	if a == nil {
		return 0
	}
	var cut []*Place
	a.mu.Lock()
	for n := max(1, a.connections.count()/8); n > 0 && a.newest != nil; n-- {
		cut = append(cut, a.newest)
		a.unlistLocked(a.newest)
	}
	a.mu.Unlock()
	for _, p := range cut {
		p.cut(a.refuse(Memory))
	}
	return len(cut)
}

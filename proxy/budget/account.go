package budget

import (
	"context"
	"sync"
	"sync/atomic"
	"time"
)

// Patience is how long a connection waits for room before it is refused.
const Patience = 5 * time.Second

// connectionCost is what an open connection counts besides its buffers when the
// greediest is looked for: its goroutines' stacks, sockets and TLS state.
const connectionCost = 32 << 10

// Account is what one workload uses inside one cell.
type Account struct {
	limits      atomic.Pointer[Limits]
	turns       *Turns
	queue       []chan struct{} // who waits for a turn; guarded by turns.mu
	connections gate
	tunnels     gate
	dials       gate
	arrivals    rate
	handshakes  rate
	bytes       atomic.Int64
	owed        atomic.Int64
	refused     [count]atomic.Uint64
	waited      [count]atomic.Uint64

	mu       sync.Mutex
	newest   *Place // of the connections that can be shed
	stands   map[*Standing]struct{}
	standing int64 // their charge
}

// NewAccount makes an account.
func NewAccount(l Limits, t *Turns) *Account {
	now := time.Now().Add(-time.Second) // the first second's worth is there at once
	l = l.Over(Defaults)                // a limit of 0 would be a division by it
	a := &Account{turns: t, arrivals: rate{born: now}, handshakes: rate{born: now}}
	a.limits.Store(&l)
	return a
}

// SetLimits replaces the limits; what is over them stays until it ends.
func (a *Account) SetLimits(l Limits) {
	if a == nil {
		return
	}
	l = l.Over(Defaults)
	a.limits.Store(&l)
	a.connections.resize(l.Connections)
	a.tunnels.resize(l.Tunnels)
	a.dials.resize(l.Dials)
}

// Connection admits a new connection.
func (a *Account) Connection(ctx context.Context) (*Place, error) {
	if a == nil {
		return nil, nil
	}
	if err := a.pace(ctx, NewConnections, &a.arrivals); err != nil {
		return nil, err
	}
	return a.enter(ctx, Connections, &a.connections)
}

// Tunnel admits a new tunnel, from a peer or to one.
func (a *Account) Tunnel(ctx context.Context) (*Place, error) {
	if a == nil {
		return nil, nil
	}
	return a.enter(ctx, Tunnels, &a.tunnels)
}

// TryTunnel is Tunnel for who does not wait.
func (a *Account) TryTunnel() (*Place, error) {
	if a == nil {
		return nil, nil
	}
	if !a.tunnels.try(a.limit(Tunnels)) {
		return nil, a.refuse(Tunnels)
	}
	return &Place{account: a, resource: Tunnels, gate: &a.tunnels}, nil
}

// Dial admits a TCP connect in its turn: opening a socket in a namespace takes a thread
// and its time, waiting for the other end takes neither. The turn is over at Begun, and
// the place is left when the connect is.
func (a *Account) Dial(ctx context.Context) (*Place, error) {
	if a == nil {
		return nil, nil
	}
	p, err := a.enter(ctx, Dials, &a.dials)
	if err != nil {
		return nil, err
	}
	if err := a.turns.take(ctx, a); err != nil {
		p.Leave()
		return nil, err
	}
	p.turn.Store(true)
	return p, nil
}

func (a *Account) enter(ctx context.Context, r Resource, g *gate) (*Place, error) {
	p := &Place{account: a, resource: r, gate: g}
	limit := a.limit(r)
	if g.try(limit) {
		return p, nil
	}
	a.waited[r].Add(1)
	wait, cancel := context.WithTimeout(ctx, Patience)
	defer cancel()
	if g.wait(wait, limit) {
		return p, nil
	}
	if ctx.Err() != nil {
		return nil, context.Cause(ctx)
	}
	return nil, a.refuse(r)
}

// pace waits for the event's time.
func (a *Account) pace(ctx context.Context, r Resource, events *rate) error {
	wait, ok := events.take(time.Now(), a.limit(r), Patience)
	if !ok {
		return a.refuse(r)
	}
	if wait == 0 {
		return nil
	}
	a.waited[r].Add(1)
	timer := time.NewTimer(wait)
	defer timer.Stop()
	select {
	case <-timer.C:
		return nil
	case <-ctx.Done():
		return context.Cause(ctx)
	}
}

func (a *Account) limit(r Resource) int { return a.limits.Load().Of(r) }

// refuse counts a refusal and is its error.
func (a *Account) refuse(r Resource) error {
	a.refused[r].Add(1)
	return &Error{Resource: r, Limit: a.limit(r)}
}

// Counts copies the counters, one after another.
func (a *Account) Counts() (c Counts) {
	if a == nil {
		return c
	}
	for i := range count {
		c.Refused[i], c.Waited[i] = a.refused[i].Load(), a.waited[i].Load()
	}
	c.Used[Connections], c.Used[Tunnels], c.Used[Dials] = int64(a.connections.count()), int64(a.tunnels.count()), int64(a.dials.count())
	c.Used[Bytes], c.Used[Memory] = a.bytes.Load(), a.Weight()
	return c
}

// Weight is roughly the memory that the workload holds in the cell.
func (a *Account) Weight() int64 {
	if a == nil {
		return 0
	}
	return a.bytes.Load() + a.owed.Load() + int64(a.connections.count()+a.tunnels.count())*connectionCost
}

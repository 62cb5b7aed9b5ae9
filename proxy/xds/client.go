package xds

import (
	"context"
	"errors"
	"log/slog"
	"maps"
	"slices"
	"sync"
	"time"

	corev3 "github.com/envoyproxy/go-control-plane/envoy/config/core/v3"
	"google.golang.org/grpc"
)

// Handler takes what the server says. Only one call is made at a time.
type Handler interface {
	// Apply uses a response and returns the resources that cannot be used, by name. Of those
	// it keeps whom they are about, or returns a Lost.
	Apply(Response) (rejected map[string]error)
}

// Lost is why a resource cannot be used of which nothing is known now.
type Lost struct{ Err error }

func (e Lost) Error() string { return e.Err.Error() }
func (e Lost) Unwrap() error { return e.Err }

func lost(err error) bool {
	var l Lost
	return errors.As(err, &l)
}

// Subscription is one type of resources.
type Subscription struct {
	Type     string
	OnDemand bool
}

// ClientConfig is all that a client needs.
type ClientConfig struct {
	Replicas []Replica // at least one; the first is tried first
	Node     *corev3.Node
	Types    []Subscription // in order
	Handler  Handler
	Log      *slog.Logger
}

// Replica is one of several servers that say the same.
type Replica struct {
	Name string                           // for operators
	Dial func() (*grpc.ClientConn, error) // a connection for each stream: so a new one is tried when we say, not when gRPC does
}

// Client keeps a stream to a server. Run makes it work.
type Client struct {
	config ClientConfig
	types  []*subscription // owned by Run
	ready  chan struct{}
	demand chan struct{} // one: there are new demands

	standing *standing
	traffic  *traffic

	mu       sync.Mutex
	demanded map[string]map[string]bool // by type and name; true: asked for on this stream
}

// NewClient prepares a client.
func NewClient(c ClientConfig) *Client {
	x := &Client{config: c, ready: make(chan struct{}), demand: make(chan struct{}, 1), standing: newStanding(), traffic: newTraffic(c.Types), demanded: map[string]map[string]bool{}}
	for _, t := range c.Types {
		x.types = append(x.types, &subscription{Subscription: t, versions: map[string]string{}})
	}
	return x
}

// Ready is closed when every type has been answered once without a Lost.
func (c *Client) Ready() <-chan struct{} { return c.ready }

// maxDemanded bounds what others can make the client ask for and keep.
const maxDemanded = maxNames

// Demand has the server asked for a resource of a type that is on demand, once. It says
// whether it is being asked for: not when too much is already.
func (c *Client) Demand(typ, name string) bool {
	c.mu.Lock()
	defer c.mu.Unlock()
	names := c.demanded[typ]
	if names == nil {
		names = map[string]bool{}
		c.demanded[typ] = names
	}
	if _, known := names[name]; known {
		return true
	}
	if len(names) >= maxDemanded {
		return false
	}
	names[name] = false
	select {
	case c.demand <- struct{}{}:
	default:
	}
	return true
}

// demands takes the names that this stream has not asked for; all of them when it begins.
func (c *Client) demands(typ string, all bool) []string {
	c.mu.Lock()
	defer c.mu.Unlock()
	var out []string
	for name, asked := range c.demanded[typ] {
		if all || !asked {
			c.demanded[typ][name] = true
			out = append(out, name)
		}
	}
	slices.Sort(out)
	return out
}

// Run keeps a stream, to one replica at a time, until ctx ends.
func (c *Client) Run(ctx context.Context) {
	turns := newTurns(len(c.config.Replicas))
	i, wait := turns.next()
	for c.pause(ctx, wait) {
		to, began := c.config.Replicas[i], time.Now()
		heard, err := c.session(ctx, to, turns.patience())
		if ctx.Err() != nil {
			return
		}
		c.standing.lost(time.Now(), err.Error())
		c.traffic.end(heard, err)
		turns.ended(i, heard, time.Since(began))
		i, wait = turns.next()
		c.config.Log.Warn("discovery: stream ended", "server", to.Name, "error", err, "next", c.config.Replicas[i].Name, "in_at_most", wait)
	}
}

// pause says whether there is something to do after it.
func (c *Client) pause(ctx context.Context, wait time.Duration) bool {
	if wait == 0 {
		return ctx.Err() == nil
	}
	select {
	case <-time.After(spread(wait)):
		return true
	case <-ctx.Done():
		return false
	}
}

// subscription is what the client knows of a type over all streams, and on this one.
type subscription struct {
	Subscription
	versions map[string]string // by name, of what is held
	answered bool              // once
	asked    bool              // on this stream
}

// settle notes what became of a response. A rejected resource keeps the version of the form
// that is still held: forgotten, it would not be said to be gone when it goes while no
// stream is there, and what is held would be held for ever.
func (t *subscription) settle(r Response, rejected map[string]error) {
	for _, x := range r.Resources {
		_, held := t.versions[x.Name]
		switch err := rejected[x.Name]; {
		case err == nil:
			t.versions[x.Name] = x.Version
		case !held && !lost(err):
			t.versions[x.Name] = "" // that it is there, and no form of it
		}
	}
	for _, name := range r.Removed {
		delete(t.versions, name)
	}
}

// known is a copy: gRPC may keep it for as long as it likes.
func (t *subscription) known() map[string]string { return maps.Clone(t.versions) }

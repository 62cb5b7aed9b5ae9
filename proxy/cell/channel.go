package cell

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net/netip"
	"os"
	"sync"
	"sync/atomic"
	"time"

	"github.com/bulkhead-mesh/bulkhead/identity"
	"github.com/bulkhead-mesh/bulkhead/proxy/channel"
	"github.com/bulkhead-mesh/bulkhead/proxy/mesh"
)

// maxPending bounds the questions that wait for the keeper, so that a keeper that
// is away costs waiting connections and not memory.
const maxPending = 1024

var errTooManyPending = errors.New("too many questions wait for the keeper")

// Channel is the feed of a cell on a node: its end of the channel to the keeper.
//
// A keeper that dies leaves the channel open (the anchor holds the other end too);
// questions wait, and are asked again when a new keeper says hello.
type Channel struct {
	conn   *channel.Conn
	name   string
	log    *slog.Logger
	level  *slog.LevelVar // of log; nil: it cannot be changed
	events chan Event
	drain  atomic.Int64 // of the last hello, in ns
	faults atomic.Bool  // the last hello allows them
	next   atomic.Uint64
	pinged atomic.Uint64       // the newest ping
	answer func(*Pong, uint64) // pong, made once
	packet []byte              // of pong; the loop's

	mu      sync.Mutex
	pending map[uint64]*question
}

// question is one Resolve or Sign that waits for its reply.
type question struct {
	ask   *Message
	reply chan *Message // one, buffered
}

// NewChannel takes over the cell's end; name is for the hello, and level is what the
// keeper changes when it is asked to (nil: nothing).
func NewChannel(f *os.File, name string, log *slog.Logger, level *slog.LevelVar) (*Channel, error) {
	conn, err := channel.New(f)
	if err != nil {
		return nil, fmt.Errorf("channel: %w", err)
	}
	c := &Channel{conn: conn, name: name, log: log, level: level, events: make(chan Event, 64), pending: map[uint64]*question{}}
	c.answer = c.pong
	return c, nil
}

// Events implements Feed.
func (c *Channel) Events() <-chan Event { return c.events }

// Drain is the drain deadline that the keeper last said.
func (c *Channel) Drain() time.Duration { return time.Duration(c.drain.Load()) }

// Run says hello and reads the channel until ctx ends or the other end is gone,
// then closes it and Events.
func (c *Channel) Run(ctx context.Context) error {
	defer close(c.events)
	defer c.conn.Close()
	stop := context.AfterFunc(ctx, func() { c.conn.Close() })
	defer stop()
	if err := c.send(&Message{Hello: &Hello{Version: ProtocolVersion, Cell: c.name}}); err != nil {
		return err
	}
	buf := make([]byte, 512) // nothing keeps a packet: Decode copies
	for {
		b, files, err := c.conn.RecvInto(buf)
		if err != nil {
			return err
		}
		if err := c.receive(ctx, b, files); err != nil {
			return err
		}
	}
}

func (c *Channel) receive(ctx context.Context, b []byte, files []*os.File) error {
	if n, ok := parsePing(b); ok && len(files) == 0 {
		c.pinged.Store(n)
		return c.emit(ctx, Event{Ping: c.answer})
	}
	m, files, err := Unpack(b, files)
	if err == nil && m.Serve == nil && len(files) > 0 {
		err = &MalformedError{errors.New("unexpected descriptors")}
	}
	if err != nil {
		closeAll(files)
		return err
	}
	switch {
	case m.Hello != nil:
		return c.hello(ctx, m.Hello)
	case m.Answer != nil:
		c.resolved(m.Answer.ID, m)
	case m.Signed != nil:
		c.resolved(m.Signed.ID, m)
	case m.Limits != nil:
		m.Limits.apply()
	case m.Level != nil:
		return c.setLevel(m.Level.Name)
	default:
		e, err := c.event(m, files)
		if err != nil {
			closeAll(files)
			return err
		}
		return c.emit(ctx, e)
	}
	return nil
}

func (c *Channel) event(m *Message, files []*os.File) (Event, error) {
	switch {
	case m.Serve != nil:
		a, err := assignment(m.Serve, files)
		if err != nil {
			return Event{}, err
		}
		return Event{Serve: a, Done: c.done(Done{UID: a.Workload.UID, Generation: a.View.Policies.Complete()})}, nil
	case m.Look != nil:
		return Event{Look: m.Look, Seen: func(s *Seen) { c.report(&Message{Seen: s}) }}, nil
	case m.Drop != nil:
		return c.dropEvent(m.Drop), nil
	case m.Judge != nil:
		return Event{Judge: m.Judge}, nil
	case m.Invalidate != nil:
		return Event{Invalidate: m.Invalidate}, nil
	case m.Fault != nil && c.faults.Load():
		strike, err := m.Fault.Strike()
		if err != nil {
			return Event{}, &MalformedError{err}
		}
		return Event{Strike: strike}, nil
	case m.Ping != nil:
		c.pinged.Store(m.Ping.N)
		return Event{Ping: c.answer}, nil
	}
	return Event{}, &MalformedError{errors.New("not a message for a cell")}
}

func (c *Channel) emit(ctx context.Context, e Event) error {
	select {
	case c.events <- e:
		return nil
	case <-ctx.Done():
		return ctx.Err()
	}
}

// hello begins with a keeper, the first or another: what is unanswered is asked
// again, and cached destinations are forgotten.
func (c *Channel) hello(ctx context.Context, h *Hello) error {
	if h.Version != ProtocolVersion {
		return fmt.Errorf("channel: the keeper speaks version %d, this cell %d: run the same build", h.Version, ProtocolVersion)
	}
	if err := c.setLevel(h.Level); err != nil {
		return err
	}
	c.drain.Store(int64(h.Drain))
	c.faults.Store(h.Faults)
	c.mu.Lock()
	var again []*Message
	for _, q := range c.pending {
		again = append(again, q.ask)
	}
	c.mu.Unlock()
	for _, m := range again {
		if err := c.send(m); err != nil {
			return err
		}
	}
	return c.emit(ctx, Event{Invalidate: &Invalidate{}})
}

// setLevel takes the level of the log from the keeper; no name is info.
func (c *Channel) setLevel(name string) error {
	var l slog.Level
	if name != "" {
		if err := l.UnmarshalText([]byte(name)); err != nil {
			return &MalformedError{err}
		}
	}
	if c.level != nil {
		c.level.Set(l)
	}
	return nil
}

// assignment pairs the descriptors of a Serve with their names.
func assignment(s *Serve, files []*os.File) (*Assignment, error) {
	if len(files) != len(s.Files) {
		return nil, &MalformedError{fmt.Errorf("%d descriptors, %d names", len(files), len(s.Files))}
	}
	w, err := mesh.FromWire(s.Workload)
	if err != nil {
		return nil, &MalformedError{err}
	}
	if s.Budget != nil {
		if err := s.Budget.Validate(); err != nil {
			return nil, &MalformedError{err}
		}
	}
	a := &Assignment{Workload: w, View: s.view(), Ports: s.Ports, Budget: s.Budget, Tunnels: s.Tunnels, Patient: s.Patient, Listeners: map[string]*os.File{}}
	if s.QUIC != nil {
		a.Datagrams = datagramsOf(s.QUIC)
	}
	for i, name := range s.Files {
		switch {
		case name == FileQUIC && a.Datagrams != nil && a.Datagrams.Socket == nil:
			a.Datagrams.Socket = files[i]
		case name == FileNetns && a.Netns == nil:
			a.Netns = files[i]
		case (name == FileOutbound || name == FilePlaintext || name == FileHBONE) && a.Listeners[name] == nil:
			a.Listeners[name] = files[i]
		default:
			return nil, &MalformedError{fmt.Errorf("descriptor name %q", name)}
		}
	}
	if a.Datagrams != nil && a.Datagrams.Socket == nil {
		return nil, &MalformedError{errors.New("QUIC without its socket")}
	}
	return a, nil
}

// dropEvent answers with what was cut.
func (c *Channel) dropEvent(d *Drop) Event {
	answer := Done{UID: d.UID, Dropped: true}
	return Event{Drop: d, Cut: func(n int) { answer.Cut = n }, Done: func(err error) { c.done(answer)(err) }}
}

// done answers a Serve or Drop with d, or with the error instead.
func (c *Channel) done(d Done) func(error) {
	return func(err error) {
		if err != nil {
			d.Error, d.Generation = err.Error(), ""
		}
		c.report(&Message{Done: &d})
	}
}

// report sends what needs no reply; a keeper that cannot take it will ask again.
func (c *Channel) report(m *Message) {
	if err := c.send(m); err != nil {
		c.lost(err)
	}
}

func (c *Channel) lost(err error) { c.log.Warn("report to the keeper lost", "error", err) }

func (c *Channel) send(m *Message) error {
	b, err := Encode(m)
	if err != nil {
		return err
	}
	return c.conn.Send(b)
}

// Resolve implements Feed.
func (c *Channel) Resolve(ctx context.Context, uid string, dst netip.AddrPort) (mesh.Answer, error) {
	id := c.next.Add(1)
	m, err := c.ask(ctx, id, &Message{Resolve: &Resolve{ID: id, UID: uid, Dst: dst}})
	if err != nil {
		return mesh.Answer{}, err
	}
	if m.Answer == nil {
		return mesh.Answer{}, &MalformedError{errors.New("wrong reply to a resolve")}
	}
	return m.Answer.Answer, remote(m.Answer.Error)
}

// Sign implements issuer.Signer.
func (c *Channel) Sign(ctx context.Context, id identity.ID, csr []byte) (chain, roots [][]byte, err error) {
	n := c.next.Add(1)
	m, err := c.ask(ctx, n, &Message{Sign: &Sign{ID: n, Identity: id.String(), CSR: csr}})
	if err != nil {
		return nil, nil, err
	}
	if m.Signed == nil {
		return nil, nil, &MalformedError{errors.New("wrong reply to a sign")}
	}
	return m.Signed.Chain, m.Signed.Roots, remote(m.Signed.Error)
}

func (c *Channel) ask(ctx context.Context, id uint64, m *Message) (*Message, error) {
	q := &question{ask: m, reply: make(chan *Message, 1)}
	c.mu.Lock()
	if len(c.pending) >= maxPending {
		c.mu.Unlock()
		return nil, errTooManyPending
	}
	c.pending[id] = q
	c.mu.Unlock()
	defer c.forget(id)
	if err := c.send(m); err != nil {
		return nil, err
	}
	select {
	case r := <-q.reply:
		return r, nil
	case <-ctx.Done():
		return nil, context.Cause(ctx)
	}
}

func (c *Channel) forget(id uint64) {
	c.mu.Lock()
	defer c.mu.Unlock()
	delete(c.pending, id)
}

// resolved hands a reply to its question; a reply that nobody waits for is late
// or a second answer after a keeper's restart, and is dropped.
func (c *Channel) resolved(id uint64, m *Message) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if q := c.pending[id]; q != nil {
		delete(c.pending, id)
		q.reply <- m
	}
}

// RemoteError is a refusal by the keeper, in its words.
type RemoteError struct{ Text string }

func (e *RemoteError) Error() string { return e.Text }

func remote(text string) error {
	if text == "" {
		return nil
	}
	return &RemoteError{text}
}

func closeAll(files []*os.File) {
	for _, f := range files {
		f.Close()
	}
}

package control

import (
	"context"
	"log/slog"
	"net"
	"net/netip"
	"sync"
	"sync/atomic"
	"time"

	"golang.org/x/time/rate"
	"google.golang.org/grpc"
	"google.golang.org/grpc/peer"
)

// rules are how many a door lets in. Strangers are connections on which no call with a token of the list was made yet: whoever
// has a token proves it within milliseconds, so their bounds hold no node up, not even a thousand of them behind one NAT.
type rules struct {
	all       int           // connections
	strangers int           // of them
	oneSource int           // strangers of one address; of IPv6, of one /64, which is what one machine has
	patience  time.Duration // that a stranger has for its TLS handshake and its first call together
}

// usual are the rules of the address. netutil.LimitListener, the obvious way, bounds nothing but the sum, and waits: who
// takes all of it and says nothing keeps everybody out.
var usual = rules{all: maxConns, strangers: maxConns / 4, oneSource: 64, patience: 15 * time.Second}

// door is a listener that lets few strangers in, and none of them for long.
type door struct {
	net.Listener
	log   *slog.Logger
	rules rules
	shut  atomic.Uint64  // connections that were refused
	late  atomic.Uint64  // strangers that were sent away
	say   rate.Sometimes // a flood of connections must not be one of the log

	mu        sync.Mutex
	all       int
	strangers map[netip.Prefix]int
	sum       int // of strangers
}

func newDoor(l net.Listener, r rules, log *slog.Logger) *door {
	return &door{Listener: l, log: log, rules: r, say: rate.Sometimes{First: 1, Interval: time.Minute}, strangers: map[netip.Prefix]int{}}
}

// Accept implements net.Listener.
func (d *door) Accept() (net.Conn, error) {
	for {
		c, err := d.Listener.Accept()
		if err != nil {
			return nil, err
		}
		if g := d.admit(c); g != nil {
			return g, nil
		}
		if t, ok := c.(*net.TCPConn); ok {
			_ = t.SetLinger(0) // a reset: nothing of it stays here
		}
		c.Close()
		d.shut.Add(1)
		d.tell(c.RemoteAddr())
	}
}

// tell is one line a minute at most.
func (d *door) tell(from net.Addr) {
	d.say.Do(func() {
		d.log.Warn("connections refused, or closed since no call with a token came", "last_from", from, "refused", d.shut.Load(), "closed", d.late.Load())
	})
}

// admit counts a connection as a stranger, unless there is no room.
func (d *door) admit(c net.Conn) *guest {
	d.mu.Lock()
	defer d.mu.Unlock()
	from := source(c.RemoteAddr())
	if d.all >= d.rules.all || d.sum >= d.rules.strangers || d.strangers[from] >= d.rules.oneSource {
		return nil
	}
	d.all, d.sum = d.all+1, d.sum+1
	d.strangers[from]++
	g := &guest{Conn: c, door: d, from: from, stranger: true}
	g.timer = time.AfterFunc(d.rules.patience, g.sendAway)
	return g
}

// source is what connections of one machine have in common.
func source(a net.Addr) netip.Prefix {
	at, err := netip.ParseAddrPort(a.String())
	if err != nil {
		return netip.Prefix{}
	}
	bits, ip := 64, at.Addr().Unmap().WithZone("")
	if ip.Is4() {
		bits = 32
	}
	p, _ := ip.Prefix(bits) // it has as many
	return p
}

// guest is a connection that was let in. Whoever accepted it closes it, or its door does while it is a stranger.
type guest struct {
	net.Conn
	door  *door
	from  netip.Prefix
	timer *time.Timer

	stranger, gone bool // the door's mu guards them
}

// seat is the address of a guest, by which a call finds the connection that it came over: gRPC hands on nothing else of it.
type seat struct {
	net.Addr
	guest *guest
}

// RemoteAddr implements net.Conn.
func (g *guest) RemoteAddr() net.Addr { return seat{g.Conn.RemoteAddr(), g} }

// Close implements net.Conn.
func (g *guest) Close() error {
	g.door.mu.Lock()
	g.leave()
	g.door.mu.Unlock()
	return g.Conn.Close()
}

// sendAway closes the connection of who has been a stranger for too long.
func (g *guest) sendAway() {
	g.door.mu.Lock()
	away := g.stranger
	if away {
		g.door.late.Add(1)
		g.leave()
	}
	g.door.mu.Unlock()
	if away {
		g.door.tell(g.Conn.RemoteAddr())
		g.Conn.Close()
	}
}

// known makes it a stranger no more.
func (g *guest) known() {
	g.door.mu.Lock()
	defer g.door.mu.Unlock()
	g.settle()
}

// settle ends its time as a stranger. The caller holds the door's mu.
func (g *guest) settle() {
	if !g.stranger {
		return
	}
	g.timer.Stop()
	g.stranger = false
	d := g.door
	d.sum--
	if d.strangers[g.from]--; d.strangers[g.from] == 0 {
		delete(d.strangers, g.from)
	}
}

// leave counts it no more. The caller holds the door's mu.
func (g *guest) leave() {
	g.settle()
	if !g.gone {
		g.gone = true
		g.door.all--
	}
}

// recognize is for the begin of each call, which has a token of the list: others never come this far (bearer.Tokens).
func recognize(ctx context.Context) {
	if p, ok := peer.FromContext(ctx); ok {
		if s, ok := p.Addr.(seat); ok {
			s.guest.known()
		}
	}
}

func recognizeUnary(ctx context.Context, q any, _ *grpc.UnaryServerInfo, h grpc.UnaryHandler) (any, error) {
	recognize(ctx)
	return h(ctx, q)
}

func recognizeStream(srv any, s grpc.ServerStream, _ *grpc.StreamServerInfo, h grpc.StreamHandler) error {
	recognize(s.Context())
	return h(srv, s)
}

package h3

import (
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"net"
	"sync"
	"sync/atomic"

	"github.com/quic-go/quic-go"

	"github.com/bulkhead-mesh/bulkhead/proxy/budget"
	"github.com/bulkhead-mesh/bulkhead/proxy/tunnel"
)

// A handshake costs us memory and time before we know who asks, and over UDP not even whether it is
// there at all. It begins here with the first packet: whoever withholds the rest of its hello is counted, too. So its
// place among the workload's tunnels is taken now, and without waiting: nobody waits for a tunnel over QUIC, since
// there is one over TCP. Many that have begun and are not over are load: whoever comes then must
// show first that it receives what is sent to its address (a Retry, RFC 9000 section 8.1.2), for which
// nothing is kept here, and has less time; and from a number of them on nobody may begin. How many of a workload's
// may compute is the budget's matter, as over TCP: see tunnel.Begin.

// How many handshakes may be unfinished at a socket, and at all sockets of a process. One whose hello comes byte by
// byte holds up to 1.5 MB in quic-go.
const (
	maxBegun    = 32
	maxBegunAll = 128
)

// Handshakes counts the unfinished ones of a process, whosever they are.
type Handshakes struct{ begun atomic.Int64 }

var errBusy = errors.New("h3: too many unfinished handshakes")

// tunnelCost is charged for each tunnel as long as it lives, for quic-go's connection and what nobody tells of it. It bounds
// how many a workload has: others stay where they are, over TCP.
const tunnelCost = 128 << 10

// stand charges for a tunnel.
func (e *Endpoint) stand() (*budget.Standing, error) {
	s, err := e.t.o.Account.Stand(tunnelCost, e.t.o.window())
	if err != nil {
		return nil, noRoom(err)
	}
	return s, nil
}

func noRoom(err error) error { return fmt.Errorf("h3: no room for a tunnel: %w", err) }

// crowded makes known that a tunnel was refused for want of room. A peer that is started again just now refuses in the same way, and
// so does one that cannot keep up with accepting: they are asked again ever more rarely, too. (Where nobody listens, nobody answers.)
func crowded(err error) error {
	var refused *quic.TransportError
	if errors.As(err, &refused) && refused.Remote && refused.ErrorCode == quic.ConnectionRefused {
		return &tunnel.CrowdedError{Err: err}
	}
	return err
}

// attempt is a handshake that a peer has begun.
type attempt struct {
	conn   context.Context // ends with the connection
	charge *budget.Standing
	over   func() // the handshake is no more one of the unfinished; the second time it does nothing
}

type attemptKey struct{}

// arrive implements quic.Transport.ConnContext.
func (e *Endpoint) arrive(ctx context.Context, _ *quic.ClientInfo) (context.Context, error) {
	if !e.begin() {
		return nil, errBusy
	}
	place, err := e.t.o.Account.TryTunnel()
	if err != nil {
		e.end()
		return nil, noRoom(err)
	}
	charge, err := e.stand()
	if err != nil {
		e.end()
		place.Leave()
		return nil, err
	}
	a := &attempt{over: sync.OnceFunc(e.end), charge: charge}
	ctx = context.WithValue(ctx, attemptKey{}, a)
	a.conn = ctx
	context.AfterFunc(ctx, func() {
		a.over()
		place.Leave()
		charge.Leave()
	})
	return ctx, nil
}

// begin counts a handshake, if it may begin.
func (e *Endpoint) begin() bool {
	here, all := e.begun.Add(1), e.t.o.Handshakes.begun.Add(1)
	if here <= maxBegun && all <= maxBegunAll {
		return true
	}
	e.end()
	return false
}

func (e *Endpoint) end() {
	e.begun.Add(-1)
	e.t.o.Handshakes.begun.Add(-1)
}

// loaded says that many handshakes are unfinished.
func (e *Endpoint) loaded() bool {
	return e.begun.Load() >= int64(e.t.o.RetryAbove) || e.t.o.Handshakes.begun.Load() >= maxBegunAll/2
}

// mustShowAddress implements quic.Transport.VerifySourceAddress.
func (e *Endpoint) mustShowAddress(net.Addr) bool { return e.loaded() }

// accepting is the configuration of the accepting end: a handshake has Options.HandshakeTimeout, and under load a fifth of
// it. (quic-go gives it twice what it is told.)
func (e *Endpoint) accepting() *quic.Config {
	calm, busy := e.t.Config(), e.t.Config()
	calm.KeepAlivePeriod, busy.KeepAlivePeriod = 0, 0 // the dialling end keeps idle tunnels, and silence.go those that have streams
	calm.HandshakeIdleTimeout = e.t.o.HandshakeTimeout / 2
	busy.HandshakeIdleTimeout = e.t.o.HandshakeTimeout / 10
	calm.GetConfigForClient = func(*quic.ClientInfo) (*quic.Config, error) {
		if e.loaded() {
			return busy, nil
		}
		return calm, nil
	}
	return calm
}

func attemptOf(ctx context.Context) *attempt { return ctx.Value(attemptKey{}).(*attempt) }

// beginning calls begin for the peer of a hello. The context of the hello itself ends with the handshake.
func (e *Endpoint) beginning(begin tunnel.Begin) func(*tls.ClientHelloInfo) error {
	return func(hello *tls.ClientHelloInfo) error {
		return begin(attemptOf(hello.Context()).conn, addrOf(hello.Conn.RemoteAddr()), addrOf(hello.Conn.LocalAddr()))
	}
}

package h3

import (
	"context"
	"crypto/tls"
	"errors"
	"net"
	"sync"

	"github.com/quic-go/quic-go"

	"github.com/bulkhead-mesh/bulkhead/proxy/tunnel"
)

// A handshake costs us memory and time before we know who asks, and over UDP not even whether it is
// there at all. So two things are done when many have begun that are not over: whoever comes then must
// show first that it receives what is sent to its address (a Retry, RFC 9000 section 8.1.2), for which
// nothing is kept here; and from a number of them on nobody may begin. How many of a workload's may compute is
// the budget's matter, as over TCP: see tunnel.Begin.

// maxBegun is how many handshakes may be unfinished at a socket.
const maxBegun = 1024

var errBusy = errors.New("h3: too many unfinished handshakes")

// attempt is a handshake that a peer has begun.
type attempt struct {
	conn context.Context // ends with the connection
	over func()          // the handshake is no more one of the unfinished; the second time it does nothing
}

type attemptKey struct{}

// arrive implements quic.Transport.ConnContext.
func (e *Endpoint) arrive(ctx context.Context, _ *quic.ClientInfo) (context.Context, error) {
	if e.begun.Add(1) > maxBegun {
		e.begun.Add(-1)
		return nil, errBusy
	}
	a := &attempt{over: sync.OnceFunc(func() { e.begun.Add(-1) })}
	ctx = context.WithValue(ctx, attemptKey{}, a)
	a.conn = ctx
	context.AfterFunc(ctx, a.over)
	return ctx, nil
}

func attemptOf(ctx context.Context) *attempt { return ctx.Value(attemptKey{}).(*attempt) }

// mustShowAddress implements quic.Transport.VerifySourceAddress.
func (e *Endpoint) mustShowAddress(net.Addr) bool { return e.begun.Load() >= int64(e.t.o.RetryAbove) }

// beginning calls begin for the peer of a hello. The context of the hello itself ends with the handshake.
func (e *Endpoint) beginning(begin tunnel.Begin) func(*tls.ClientHelloInfo) error {
	return func(hello *tls.ClientHelloInfo) error {
		return begin(attemptOf(hello.Context()).conn, addrOf(hello.Conn.RemoteAddr()), addrOf(hello.Conn.LocalAddr()))
	}
}

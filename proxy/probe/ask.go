package probe

import (
	"context"
	"crypto/tls"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net"
	"net/netip"
	"time"

	"github.com/bulkhead-mesh/bulkhead/identity"
	"github.com/bulkhead-mesh/bulkhead/proxy"
	"github.com/bulkhead-mesh/bulkhead/proxy/h2"
	"github.com/bulkhead-mesh/bulkhead/proxy/hbone"
	"github.com/bulkhead-mesh/bulkhead/redirect"
)

// maxAnswer is more than any answer has.
const maxAnswer = 4 << 10

// Answer is what a workload said, and what it showed before.
type Answer struct {
	proxy.Probed
	NotBefore, NotAfter time.Time // of its SVID
}

// HandshakeError means that TLS, or the tunnel's first words, failed: the workload let
// nobody in.
type HandshakeError struct{ Err error }

func (e *HandshakeError) Error() string { return fmt.Sprintf("handshake: %v", e.Err) }
func (e *HandshakeError) Unwrap() error { return e.Err }

// Ask asks over conn as the identity of a source; the far end must be the workload of the
// identity want. Its errors are *HandshakeError, *tunnel.StatusError (the policy's no is
// 401), or those of a tunnel that was lost. It closes conn.
func Ask(ctx context.Context, conn net.Conn, as identity.Source, want identity.ID) (Answer, error) {
	defer conn.Close()
	stop := context.AfterFunc(ctx, func() { conn.Close() })
	defer stop()
	c := tls.Client(conn, identity.ClientTLS(as, []identity.ID{want}))
	if err := c.HandshakeContext(ctx); err != nil {
		return Answer{}, &HandshakeError{err}
	}
	leaf := c.ConnectionState().PeerCertificates[0]
	a := Answer{NotBefore: leaf.NotBefore, NotAfter: leaf.NotAfter}
	t, err := h2.New(h2.Options{}).Client(ctx, c)
	if err != nil { // in TLS 1.3 this is where a refused certificate shows
		return a, &HandshakeError{err}
	}
	defer t.Close()
	at := netip.AddrPortFrom(loopback, redirect.ProbePort)
	s, _, err := t.Open(ctx, hbone.Connect(hbone.FromAddrPort(at), hbone.Header{}))
	if err != nil {
		return a, err
	}
	defer s.Close()
	if err := s.CloseWrite(); err != nil {
		return a, err
	}
	return a, json.NewDecoder(io.LimitReader(s, maxAnswer)).Decode(&a.Probed)
}

// loopback is how the prober reaches the listeners, from inside the pod's namespace.
var loopback = netip.AddrFrom4([4]byte{127, 0, 0, 1})

// ErrRefused means that a connection was ended without an answer.
var ErrRefused = errors.New("the connection was ended without an answer")

// Plaintext asks without TLS. nil means that the workload takes plaintext, ErrRefused that
// it does not; another error is that of the connection. It closes conn.
func Plaintext(ctx context.Context, conn net.Conn) error {
	defer conn.Close()
	stop := context.AfterFunc(ctx, func() { conn.Close() })
	defer stop()
	var a proxy.Probed
	err := json.NewDecoder(io.LimitReader(conn, maxAnswer)).Decode(&a)
	switch {
	case err == nil:
		return nil
	case ctx.Err() != nil:
		return context.Cause(ctx)
	}
	return ErrRefused
}

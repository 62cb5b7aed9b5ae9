package control

import (
	"context"
	"fmt"
	"log/slog"
	"net"
	"runtime/debug"
	"time"

	"google.golang.org/grpc"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/keepalive"
	"google.golang.org/grpc/status"

	"github.com/bulkhead-mesh/bulkhead/identity/bearer"
)

// Bounds of the server. A node has two connections, and a few calls on each.
const (
	maxConns       = 4096
	maxStreams     = 256
	maxHeader      = 16 << 10
	maxMessage     = 64 << 20         // a proxy that comes back says what it has: 100 bytes for each of its resources
	connectTimeout = 20 * time.Second // of the unix socket; a door's patience is shorter, and counts who used it up
	pingAfter      = time.Minute
	pingTimeout    = 20 * time.Second
	pingsAtMost    = 10 * time.Second // of one client
	drainTimeout   = time.Second      // a signature takes a millisecond; a stream of discovery never ends by itself
)

// newServer makes a server that answers whoever has a token of the list. bearer.CallerOf says in each method who that is.
func newServer(tokens *bearer.Tokens, log *slog.Logger, more ...grpc.ServerOption) *grpc.Server {
	survivor := &survivor{log}
	options := append(tokens.ServerOptions(),
		grpc.MaxConcurrentStreams(maxStreams),
		grpc.MaxHeaderListSize(maxHeader),
		grpc.MaxRecvMsgSize(maxMessage),
		grpc.ConnectionTimeout(connectTimeout),
		grpc.KeepaliveParams(keepalive.ServerParameters{Time: pingAfter, Timeout: pingTimeout}),
		grpc.KeepaliveEnforcementPolicy(keepalive.EnforcementPolicy{MinTime: pingsAtMost, PermitWithoutStream: true}),
		grpc.WaitForHandlers(true),
		grpc.ChainUnaryInterceptor(survivor.unary, recognizeUnary),
		grpc.ChainStreamInterceptor(survivor.stream, recognizeStream),
	)
	return grpc.NewServer(append(options, more...)...)
}

// serve answers on l until ctx is done; then it lets running calls end, cuts them after a second, and returns nil. It
// closes l.
func serve(ctx context.Context, s *grpc.Server, l net.Listener) error {
	served := make(chan error, 1)
	go accept(s, l, served)
	select {
	case err := <-served: // the listener broke
		s.Stop()
		return fmt.Errorf("control: %w", err)
	case <-ctx.Done():
	}
	cut := time.AfterFunc(drainTimeout, s.Stop)
	s.GracefulStop()
	cut.Stop()
	return <-served // nil after a stop
}

// accept is serve's goroutine; serve receives its one answer before it returns.
func accept(s *grpc.Server, l net.Listener, served chan<- error) { served <- s.Serve(l) }

// survivor keeps a panic in one call from ending control for all: it is logged, and the caller is told Internal.
type survivor struct{ log *slog.Logger }

func (v *survivor) unary(ctx context.Context, q any, i *grpc.UnaryServerInfo, h grpc.UnaryHandler) (a any, err error) {
	defer v.recover(i.FullMethod, &err)
	return h(ctx, q)
}

func (v *survivor) stream(srv any, s grpc.ServerStream, i *grpc.StreamServerInfo, h grpc.StreamHandler) (err error) {
	defer v.recover(i.FullMethod, &err)
	return h(srv, s)
}

func (v *survivor) recover(method string, err *error) {
	if p := recover(); p != nil {
		v.log.Error("a call panicked", "method", method, "panic", p, "stack", string(debug.Stack()))
		*err = status.Error(codes.Internal, "control failed; its log says why")
	}
}

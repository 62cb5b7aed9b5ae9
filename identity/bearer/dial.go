package bearer

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"os"
	"strings"
	"time"

	"google.golang.org/grpc"
	"google.golang.org/grpc/backoff"
	"google.golang.org/grpc/keepalive"
	"google.golang.org/grpc/metadata"
)

// maxToken bounds a bearer token; a Kubernetes one is about 1 KiB.
const maxToken = 8 << 10

// A connection that is lost is made again soon: who calls has a back-off of its own, which knows what is urgent. The
// library's would grow to two minutes, and count on top.
const (
	connectTimeout = 5 * time.Second
	firstPause     = 50 * time.Millisecond
	lastPause      = time.Second
	pingAfter      = 30 * time.Second
	pingTimeout    = 10 * time.Second
)

// clusterID is what Istio calls the one cluster of a mesh that has no other.
const clusterID = "Kubernetes"

// TokenError says why no call was made: there is no token to make it with.
type TokenError struct {
	Path string
	Err  error
}

func (e *TokenError) Error() string { return fmt.Sprintf("bearer token %s: %v", e.Path, e.Err) }
func (e *TokenError) Unwrap() error { return e.Err }

// Dial makes the connection to a target; it is established at the first call, and again whenever it was lost.
func Dial(t Target, more ...grpc.DialOption) (*grpc.ClientConn, error) {
	if err := t.Check(); err != nil {
		return nil, err
	}
	options := append([]grpc.DialOption{
		grpc.WithTransportCredentials(t.security()),
		grpc.WithContextDialer(func(ctx context.Context, _ string) (net.Conn, error) {
			network, address := t.network()
			return new(net.Dialer).DialContext(ctx, network, address)
		}),
		grpc.WithConnectParams(grpc.ConnectParams{
			Backoff:           backoff.Config{BaseDelay: firstPause, Multiplier: 2, Jitter: 0.2, MaxDelay: lastPause},
			MinConnectTimeout: connectTimeout,
		}),
		grpc.WithKeepaliveParams(keepalive.ClientParameters{Time: pingAfter, Timeout: pingTimeout}),
		grpc.WithDisableServiceConfig(),
		grpc.WithUnaryInterceptor(t.unary),
		grpc.WithStreamInterceptor(t.stream),
	}, more...)
	if _, local := t.socket(); local {
		options = append(options, grpc.WithAuthority("localhost"))
	}
	// passthrough: the dialer above knows where to go, a path may have any byte in it, and a name is looked up anew at
	// each connect.
	return grpc.NewClient("passthrough:///control", options...)
}

// Interceptors rather than credentials.PerRPCCredentials: those turn an unreadable file into a status of the server.
func (t Target) unary(ctx context.Context, method string, req, reply any, c *grpc.ClientConn, call grpc.UnaryInvoker, o ...grpc.CallOption) error {
	ctx, err := t.outgoing(ctx)
	if err != nil {
		return err
	}
	return call(ctx, method, req, reply, c, o...)
}

func (t Target) stream(ctx context.Context, d *grpc.StreamDesc, c *grpc.ClientConn, method string, open grpc.Streamer, o ...grpc.CallOption) (grpc.ClientStream, error) {
	ctx, err := t.outgoing(ctx)
	if err != nil {
		return nil, err
	}
	return open(ctx, d, c, method, o...)
}

func (t Target) outgoing(ctx context.Context) (context.Context, error) {
	token, err := t.read()
	if err != nil {
		return nil, &TokenError{t.Token, err}
	}
	return metadata.AppendToOutgoingContext(ctx, "authorization", "Bearer "+token, "clusterid", clusterID), nil
}

func (t Target) read() (string, error) {
	f, err := os.Open(t.Token)
	if err != nil {
		return "", err
	}
	defer f.Close()
	b, err := io.ReadAll(io.LimitReader(f, maxToken+1))
	token := strings.TrimSpace(string(b))
	switch {
	case err != nil:
		return "", err
	case len(b) > maxToken:
		return "", fmt.Errorf("longer than %d bytes", maxToken)
	case token == "":
		return "", errors.New("empty")
	case strings.ContainsFunc(token, func(r rune) bool { return r <= ' ' || r > '~' }):
		return "", errors.New("a token is one line of printable ASCII")
	}
	return token, nil
}

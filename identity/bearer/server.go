package bearer

import (
	"context"
	"strings"

	"google.golang.org/grpc"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/metadata"
	"google.golang.org/grpc/status"
	"google.golang.org/grpc/tap"
)

// What the server answers to whoever has no token of its list.
var (
	errNoToken      = status.Error(codes.Unauthenticated, "a bearer token is missing")
	errUnknownToken = status.Error(codes.Unauthenticated, "the token is unknown")
)

type callerKey struct{}

// CallerOf is who makes the call, in a method of a server that has ServerOptions. It is false elsewhere.
func CallerOf(ctx context.Context) (Caller, bool) {
	c, ok := ctx.Value(callerKey{}).(Caller)
	return c, ok
}

// ServerOptions make a server answer only who has a token of the list.
//
// The check is made when the headers of a call are there (a tap), not in an interceptor: those run when a message has been
// read, which would let strangers fill memory. It must not block, and does not.
func (t *Tokens) ServerOptions() []grpc.ServerOption {
	return []grpc.ServerOption{grpc.InTapHandle(func(ctx context.Context, i *tap.Info) (context.Context, error) {
		token, ok := bearer(i.Header)
		if !ok {
			return nil, errNoToken
		}
		c, known := t.caller(token)
		if !known {
			return nil, errUnknownToken
		}
		return context.WithValue(ctx, callerKey{}, c), nil
	})}
}

// bearer reads the token.
// https://www.rfc-editor.org/rfc/rfc6750#section-2.1
func bearer(h metadata.MD) (string, bool) {
	values := h.Get("authorization")
	if len(values) != 1 {
		return "", false
	}
	scheme, token, _ := strings.Cut(values[0], " ")
	token = strings.TrimSpace(token)
	return token, strings.EqualFold(scheme, "Bearer") && token != "" && len(token) <= maxToken
}

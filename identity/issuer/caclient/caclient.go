package caclient

import (
	"context"
	"encoding/pem"
	"errors"
	"fmt"
	"time"

	"google.golang.org/grpc"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"
	"google.golang.org/protobuf/types/known/structpb"
	security "istio.io/api/security/v1alpha1"

	"github.com/bulkhead-mesh/bulkhead/identity"
	"github.com/bulkhead-mesh/bulkhead/identity/bearer"
	"github.com/bulkhead-mesh/bulkhead/identity/issuer"
)

// maxAnswer bounds an answer: a chain is about 3 KiB, a bundle of many roots more.
const maxAnswer = 256 << 10

// Mode is for whom a client asks.
type Mode bool

// The modes.
const (
	Itself        Mode = false // for the identity that the token is
	Impersonating Mode = true  // for workloads of the token's node
)

// Client is the client of one CA.
type Client struct {
	address string
	mode    Mode
	conn    *grpc.ClientConn
	ca      security.IstioCertificateServiceClient
}

var _ issuer.Signer = (*Client)(nil)

// StatusError is the CA's refusal, or that it could not be asked (Unavailable).
type StatusError struct {
	Address string
	Code    codes.Code
	Message string // the CA's sentence
}

func (e *StatusError) Error() string {
	return fmt.Sprintf("CA at %s: %s: %s", e.Address, e.Code, e.Message)
}

// New makes a client. It does not connect. Close it.
func New(c Config, m Mode) (*Client, error) {
	if err := c.Check(); err != nil {
		return nil, err
	}
	t := c.Target()
	conn, err := bearer.Dial(t, grpc.WithDefaultCallOptions(grpc.MaxCallRecvMsgSize(maxAnswer)))
	if err != nil {
		return nil, err
	}
	return &Client{address: t.Address, mode: m, conn: conn, ca: security.NewIstioCertificateServiceClient(conn)}, nil
}

// Close ends the connection, and the calls on it.
func (c *Client) Close() error { return c.conn.Close() }

// Sign implements issuer.Signer. Errors are a *StatusError, or a *bearer.TokenError when nobody was asked.
func (c *Client) Sign(ctx context.Context, id identity.ID, csrDER []byte) (chain, roots [][]byte, err error) {
	return c.SignFor(ctx, id, csrDER, 0)
}

// SignFor is Sign with a wish for the SVID's lifetime, in whole seconds; zero leaves it to the CA.
func (c *Client) SignFor(ctx context.Context, id identity.ID, csrDER []byte, ttl time.Duration) (chain, roots [][]byte, err error) {
	q := &security.IstioCertificateRequest{
		Csr:              string(pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE REQUEST", Bytes: csrDER})),
		ValidityDuration: int64(ttl / time.Second),
	}
	if c.mode == Impersonating {
		q.Metadata = &structpb.Struct{Fields: map[string]*structpb.Value{
			"ImpersonatedIdentity": structpb.NewStringValue(id.String()),
		}}
	}
	a, err := c.ca.CreateCertificate(ctx, q)
	if err != nil {
		return nil, nil, c.refused(ctx, err)
	}
	chain, roots, err = Decode(a)
	if err != nil {
		return nil, nil, fmt.Errorf("CA at %s: answer: %w", c.address, err)
	}
	return chain, roots, nil
}

func (c *Client) refused(ctx context.Context, err error) error {
	if _, own := errors.AsType[*bearer.TokenError](err); own {
		return err
	}
	if ctx.Err() != nil {
		return fmt.Errorf("CA at %s: %w", c.address, context.Cause(ctx))
	}
	s := status.Convert(err)
	return &StatusError{c.address, s.Code(), s.Message()}
}

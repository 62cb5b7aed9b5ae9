// Package caclient asks the embedded CA for SVIDs over its unix socket. It is an issuer.Signer, apart from package issuer so
// that a cell whose Signer is its channel does not link net/http.
//
//	signer := caclient.New("/run/bulkhead/ca.sock", "/run/bulkhead/token")
//	i := issuer.New(id, signer, issuer.Options{})
//
// The token is read from its file at every call, since whoever made it also replaces it. Each call has a connection of its
// own, so nothing has to be closed; calls may run at the same time.
package caclient

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"strings"
	"time"

	"github.com/bulkhead-mesh/bulkhead/identity"
	"github.com/bulkhead-mesh/bulkhead/identity/caapi"
	"github.com/bulkhead-mesh/bulkhead/identity/issuer"
)

// Client is the client of one CA.
type Client struct {
	socket, tokenFile string
	http              *http.Client
}

var _ issuer.Signer = (*Client)(nil)

// StatusError is the CA's refusal.
type StatusError struct {
	Status  int    // HTTP
	Message string // the CA's sentence
}

func (e *StatusError) Error() string {
	return fmt.Sprintf("the CA answered %d: %s", e.Status, e.Message)
}

// New makes a client of the CA behind a unix socket, with the bearer token in tokenFile. It does not connect.
func New(socket, tokenFile string) *Client {
	dial := func(ctx context.Context, _, _ string) (net.Conn, error) {
		var d net.Dialer
		return d.DialContext(ctx, "unix", socket)
	}
	// Keep-alives would save a connect on a local socket every half hour, at the price of a parked connection and two
	// goroutines for each identity's lifetime.
	return &Client{socket: socket, tokenFile: tokenFile, http: &http.Client{
		Transport:     &http.Transport{DialContext: dial, DisableKeepAlives: true},
		CheckRedirect: stay,
	}}
}

// stay makes a redirect an answer like any other refusal: a token goes nowhere but where it was meant to.
func stay(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }

// Sign implements issuer.Signer. Errors are a *StatusError when the CA answered, and otherwise name the socket or the
// token file.
func (c *Client) Sign(ctx context.Context, id identity.ID, csrDER []byte) (chain, roots [][]byte, err error) {
	return c.SignFor(ctx, id, csrDER, 0)
}

// SignFor is Sign with a wish for the SVID's lifetime, in whole seconds; zero leaves it to the CA.
func (c *Client) SignFor(ctx context.Context, id identity.ID, csrDER []byte, ttl time.Duration) (chain, roots [][]byte, err error) {
	token, err := c.token()
	if err != nil {
		return nil, nil, err
	}
	body, err := json.Marshal(caapi.SignRequest{Identity: id, CSR: csrDER, TTLSeconds: int64(ttl / time.Second)})
	if err != nil {
		return nil, nil, err
	}
	// The host part is not used: the dialer knows where the CA is.
	req, err := http.NewRequestWithContext(ctx, http.MethodPost, "http://ca"+caapi.SignPath, bytes.NewReader(body))
	if err != nil {
		return nil, nil, err
	}
	req.Header.Set("Authorization", "Bearer "+token)
	req.Header.Set("Content-Type", "application/json")
	resp, err := c.http.Do(req)
	if err != nil {
		return nil, nil, fmt.Errorf("CA at %s: %w", c.socket, err)
	}
	defer resp.Body.Close()
	return c.answer(resp)
}

func (c *Client) answer(resp *http.Response) (chain, roots [][]byte, err error) {
	body := io.LimitReader(resp.Body, caapi.MaxBody)
	if resp.StatusCode != http.StatusOK {
		var refusal caapi.ErrorResponse
		if json.NewDecoder(body).Decode(&refusal) != nil || refusal.Error == "" {
			refusal.Error = http.StatusText(resp.StatusCode)
		}
		return nil, nil, &StatusError{Status: resp.StatusCode, Message: refusal.Error}
	}
	signed, err := caapi.DecodeSignResponse(body)
	if err != nil {
		return nil, nil, fmt.Errorf("CA at %s: answer: %w", c.socket, err)
	}
	return signed.Chain, signed.Roots, nil
}

func (c *Client) token() (string, error) {
	f, err := os.Open(c.tokenFile)
	if err != nil {
		return "", fmt.Errorf("CA token: %w", err)
	}
	defer f.Close()
	b, err := io.ReadAll(io.LimitReader(f, caapi.MaxToken+1))
	if err != nil {
		return "", fmt.Errorf("CA token: %w", err)
	}
	token := strings.TrimSpace(string(b))
	switch {
	case len(b) > caapi.MaxToken:
		return "", fmt.Errorf("CA token: %s is longer than %d bytes", c.tokenFile, caapi.MaxToken)
	case token == "":
		return "", errors.New("CA token: " + c.tokenFile + " is empty")
	}
	return token, nil
}

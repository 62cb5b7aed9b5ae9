// Package admin is the client's end of a keeper's admin socket: HTTP with JSON on a
// unix socket. The keeper's own end, with its paths and types, is in package keeper.
//
// A Client connects anew for each call, because the keeper may be another one next
// time; it holds nothing and need not be closed. What the keeper refuses is a
// *RefusedError; any other error is that of the connection, so that errors.Is finds
// os.ErrNotExist and ECONNREFUSED where no keeper listens. A reply of more than MaxReply
// is an error: half of one would be a wrong answer.
package admin

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net"
	"net/http"
)

// MaxReply bounds what a socket may make its caller read, in bytes.
const MaxReply = 8 << 20

// Client calls the keeper behind one socket.
type Client struct{ http *http.Client }

// New is a client of the socket at a path; nothing is connected yet.
func New(socket string) *Client {
	return &Client{&http.Client{Transport: &http.Transport{
		DisableKeepAlives: true,
		DialContext: func(ctx context.Context, _, _ string) (net.Conn, error) {
			return new(net.Dialer).DialContext(ctx, "unix", socket)
		},
	}}}
}

// RefusedError is the answer of a keeper that will not, in its own sentence or, where
// it says none, in HTTP's.
type RefusedError struct {
	Status   int // of HTTP; 400 and 404 are the caller's to mend
	Sentence string
}

func (e *RefusedError) Error() string { return e.Sentence }

// Text is where Call puts a reply that is not JSON.
type Text string

// Call sends body as JSON (nil: none) and decodes the reply into a pointer (nil: not
// wanted; a *Text takes it as it is).
func (c *Client) Call(ctx context.Context, method, path string, body, into any) error {
	var sent io.Reader = http.NoBody
	if body != nil {
		b, err := json.Marshal(body)
		if err != nil {
			return err
		}
		sent = bytes.NewReader(b)
	}
	r, err := http.NewRequestWithContext(ctx, method, "http://node"+path, sent)
	if err != nil {
		return err
	}
	resp, err := c.http.Do(r)
	if err != nil {
		return err
	}
	defer resp.Body.Close()
	reply, err := io.ReadAll(io.LimitReader(resp.Body, MaxReply+1))
	if err != nil {
		return err
	}
	if len(reply) > MaxReply {
		return fmt.Errorf("the keeper's answer to %s %s is longer than %d MiB", method, path, MaxReply>>20)
	}
	if resp.StatusCode != http.StatusOK {
		return refusal(resp, reply)
	}
	switch to := into.(type) {
	case nil:
		return nil
	case *Text:
		*to = Text(reply)
		return nil
	}
	return json.Unmarshal(reply, into)
}

func refusal(resp *http.Response, reply []byte) error {
	var r struct{ Error string }
	if json.Unmarshal(reply, &r) != nil || r.Error == "" {
		r.Error = resp.Status
	}
	return &RefusedError{resp.StatusCode, r.Error}
}

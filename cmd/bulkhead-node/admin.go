package main

import (
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net"
	"net/http"
	"time"
)

// maxReply bounds what an admin socket may make a command read.
const maxReply = 1 << 20

// pollEvery is between two looks at something that a command waits for.
const pollEvery = 20 * time.Millisecond

// admin speaks to the admin socket of a running keeper.
type admin struct{ client *http.Client }

func newAdmin(socket string) *admin {
	return &admin{&http.Client{Transport: &http.Transport{
		DisableKeepAlives: true, // the keeper may be another one next time
		DialContext: func(ctx context.Context, _, _ string) (net.Conn, error) {
			return new(net.Dialer).DialContext(ctx, "unix", socket)
		},
	}}}
}

// refusedError is the answer of a keeper that will not.
type refusedError struct{ sentence string }

func (e *refusedError) Error() string { return e.sentence }

func (a *admin) call(ctx context.Context, method, path string, into any) error {
	r, err := http.NewRequestWithContext(ctx, method, "http://node"+path, nil)
	if err != nil {
		return err
	}
	resp, err := a.client.Do(r)
	if err != nil {
		return err
	}
	defer resp.Body.Close()
	b, err := io.ReadAll(io.LimitReader(resp.Body, maxReply))
	if err != nil {
		return err
	}
	if resp.StatusCode == http.StatusOK {
		return json.Unmarshal(b, into)
	}
	var refusal struct{ Error string }
	if json.Unmarshal(b, &refusal) == nil && refusal.Error != "" {
		return &refusedError{refusal.Error}
	}
	return &refusedError{fmt.Sprintf("%s %s: %s", method, path, resp.Status)}
}

// poll asks until ok, at most until ctx ends; then the last error is the reason.
func poll(ctx context.Context, ok func() error) error {
	t := time.NewTicker(pollEvery)
	defer t.Stop()
	for {
		err := ok()
		if err == nil {
			return nil
		}
		select {
		case <-ctx.Done():
			return fmt.Errorf("%w: %w", context.Cause(ctx), err)
		case <-t.C:
		}
	}
}

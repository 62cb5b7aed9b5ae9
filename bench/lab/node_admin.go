package lab

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/url"
	"strconv"
	"strings"
)

// nodeAdmin speaks to a keeper's admin socket.
type nodeAdmin struct{ client *http.Client }

// cellStatus is one element of GET /cells, as far as the lab reads it.
type cellStatus struct {
	Name      string   `json:"name"`
	PID       int      `json:"pid"`
	Workloads []string `json:"workloads"`
	State     string   `json:"state"`
}

func newNodeAdmin(socket string) *nodeAdmin {
	return &nodeAdmin{&http.Client{Transport: &http.Transport{
		DisableKeepAlives: true, // the keeper may be another one next time
		DialContext: func(ctx context.Context, _, _ string) (net.Conn, error) {
			return new(net.Dialer).DialContext(ctx, "unix", socket)
		},
	}}}
}

// ready reports whether the keeper answers that it is; a keeper that does not
// answer is not ready either.
func (a *nodeAdmin) ready(ctx context.Context) bool {
	return a.call(ctx, http.MethodGet, "/ready", nil, nil) == nil
}

// add returns when the pod is captured and served.
func (a *nodeAdmin) add(ctx context.Context, p Pod, netns string) error {
	return a.call(ctx, http.MethodPost, "/pods", map[string]string{
		"uid": p.Name(), "name": p.App, "namespace": p.Namespace, "serviceAccount": p.ServiceAccount(), "netns": netns,
	}, nil)
}

// remove returns when nothing of the data plane is left in the pod.
func (a *nodeAdmin) remove(ctx context.Context, pod string) error {
	return a.call(ctx, http.MethodDelete, "/pods?uid="+url.QueryEscape(pod), nil, nil)
}

func (a *nodeAdmin) cells(ctx context.Context) ([]cellStatus, error) {
	var all []cellStatus
	return all, a.call(ctx, http.MethodGet, "/cells", nil, &all)
}

const maxReply = 1 << 20

func (a *nodeAdmin) call(ctx context.Context, method, path string, body, result any) error {
	b, err := json.Marshal(body)
	if err != nil {
		return err
	}
	req, err := http.NewRequestWithContext(ctx, method, "http://node"+path, bytes.NewReader(b))
	if err != nil {
		return err
	}
	resp, err := a.client.Do(req)
	if err != nil {
		return err
	}
	defer resp.Body.Close()
	reply, err := io.ReadAll(io.LimitReader(resp.Body, maxReply))
	if err != nil {
		return err
	}
	if resp.StatusCode != http.StatusOK {
		return refusal(method+" "+path, resp.StatusCode, reply)
	}
	switch r := result.(type) {
	case nil:
		return nil
	case *text:
		*r = text(reply)
		return nil
	}
	return json.Unmarshal(reply, result)
}

// text is a reply that is not JSON.
type text string

// sum adds up one metric over all its labels.
func (a *nodeAdmin) sum(ctx context.Context, metric string) (int64, error) {
	var all text
	if err := a.call(ctx, http.MethodGet, "/metrics", nil, &all); err != nil {
		return 0, err
	}
	total := 0.0
	for line := range strings.Lines(string(all)) {
		if !strings.HasPrefix(line, metric+"{") {
			continue
		}
		n, err := strconv.ParseFloat(strings.TrimSpace(line[strings.LastIndexByte(line, '}')+1:]), 64)
		if err != nil {
			return 0, fmt.Errorf("metric %s: %w", metric, err)
		}
		total += n
	}
	return int64(total), nil
}

// refusedError is the answer of a keeper that will not.
type refusedError struct {
	what     string
	status   int
	sentence string // the keeper's own, where there is one
}

func (e *refusedError) Error() string { return e.what + ": " + e.sentence }

func refusal(what string, status int, reply []byte) error {
	var r struct{ Error string }
	if json.Unmarshal(reply, &r) == nil && r.Error != "" {
		return &refusedError{what, status, r.Error}
	}
	return &refusedError{what, status, http.StatusText(status)}
}

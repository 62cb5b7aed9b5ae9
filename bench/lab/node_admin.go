package lab

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"os"
	"slices"
	"strconv"
	"strings"
	"time"

	"golang.org/x/sys/unix"

	"github.com/bulkhead-mesh/bulkhead/proxy/admin"
)

// nodeAdmin speaks to a keeper's admin socket.
type nodeAdmin struct{ client *admin.Client }

// cellStatus is one element of GET /cells, as far as the lab reads it.
type cellStatus struct {
	Name      string   `json:"name"`
	PID       int      `json:"pid"`
	Workloads []string `json:"workloads"`
	State     string   `json:"state"`
	Draining  []struct {
		PID int `json:"pid"`
	} `json:"draining"`
	Policies map[string]struct {
		InForce string `json:"inForce"`
	} `json:"policies"`
}

func newNodeAdmin(socket string) *nodeAdmin { return &nodeAdmin{admin.New(socket)} }

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

// replace returns when the cell's next process serves all of its workloads.
func (a *nodeAdmin) replace(ctx context.Context, cell string) error {
	return a.call(ctx, http.MethodPost, "/replace", map[string]string{"cell": cell}, nil)
}

// drained returns when no cell has an earlier process any more.
func (a *nodeAdmin) drained(ctx context.Context) error {
	tick := time.NewTicker(10 * pollInterval) // a keeper that answers is busy with that
	defer tick.Stop()
	for {
		cells, err := a.cells(ctx)
		if err != nil || !slices.ContainsFunc(cells, func(c cellStatus) bool { return len(c.Draining) > 0 }) {
			return err
		}
		select {
		case <-tick.C:
		case <-ctx.Done():
			return ctx.Err()
		}
	}
}

// call says with a refusal what it was that the keeper refused.
func (a *nodeAdmin) call(ctx context.Context, method, path string, body, result any) error {
	err := a.client.Call(ctx, method, path, body, result)
	var refused *admin.RefusedError
	if errors.As(err, &refused) {
		return fmt.Errorf("%s %s: %w", method, path, err)
	}
	if errors.Is(err, os.ErrNotExist) || errors.Is(err, unix.ECONNREFUSED) {
		return &keeperAwayError{err}
	}
	return err
}

// keeperAwayError says that nobody listens at a node's admin socket.
type keeperAwayError struct{ err error }

func (e *keeperAwayError) Error() string {
	return "the node's keeper is away: the lab starts it again, after its back-off"
}

func (e *keeperAwayError) Unwrap() error { return e.err }

// sum adds up one metric over all its labels.
func (a *nodeAdmin) sum(ctx context.Context, metric string) (int64, error) {
	var all admin.Text
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

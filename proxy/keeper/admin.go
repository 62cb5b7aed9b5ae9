package keeper

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"net"
	"net/http"
	"os"
	"slices"
	"strings"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/promhttp"
)

const (
	maxBody      = 64 << 10
	podTimeout   = 30 * time.Second
	closeTimeout = time.Second
)

// badRequest and notFound are the caller's errors: 400 and 404.
type (
	badRequest struct{ error }
	notFound   struct{ error }
)

// serveAdmin answers on the admin socket until ctx ends. The socket is the trust
// boundary: whoever can open it may add pods, so only its owner can.
func (k *Keeper) serveAdmin(ctx context.Context) error {
	l, err := listenUnix(k.config.Admin)
	if err != nil {
		return err
	}
	s := &http.Server{Handler: k.routes(), ReadHeaderTimeout: 5 * time.Second}
	stop := context.AfterFunc(ctx, func() {
		limit, cancel := context.WithTimeout(context.WithoutCancel(ctx), closeTimeout)
		defer cancel()
		if s.Shutdown(limit) != nil {
			s.Close()
		}
	})
	defer stop()
	if err := s.Serve(l); !errors.Is(err, http.ErrServerClosed) {
		return fmt.Errorf("admin socket: %w", err)
	}
	return nil
}

// listenUnix makes the socket, in place of one that a dead keeper left.
func listenUnix(path string) (net.Listener, error) {
	if c, err := net.Dial("unix", path); err == nil {
		c.Close()
		return nil, fmt.Errorf("admin socket %s is in use by another keeper: stop it, or set another path", path)
	}
	if err := os.Remove(path); err != nil && !errors.Is(err, os.ErrNotExist) {
		return nil, fmt.Errorf("admin socket: %w", err)
	}
	l, err := net.Listen("unix", path)
	if err != nil {
		return nil, fmt.Errorf("admin socket: %w", err)
	}
	return l, os.Chmod(path, 0o600)
}

func (k *Keeper) routes() http.Handler {
	m := http.NewServeMux()
	m.HandleFunc("GET /ready", k.getReady)
	m.HandleFunc("GET /pods", k.getPods)
	m.HandleFunc("POST /pods", k.postPod)
	m.HandleFunc("DELETE /pods", k.deletePod)
	m.HandleFunc("GET /cells", k.getCells)
	m.HandleFunc("POST /move", k.postMove)
	m.HandleFunc("POST /replace", k.postReplace)
	m.HandleFunc("POST /faults", k.postFault)
	m.HandleFunc("DELETE /faults", k.deleteFault)
	m.HandleFunc("POST /upgrade", k.postUpgrade)
	r := prometheus.NewRegistry()
	r.MustRegister(&collector{k})
	m.Handle("GET /metrics", promhttp.HandlerFor(r, promhttp.HandlerOpts{}))
	return m
}

func (k *Keeper) getReady(w http.ResponseWriter, _ *http.Request) {
	if k.snapshot.Load() == nil {
		fail(w, http.StatusServiceUnavailable, errors.New("not ready: no mesh file has been read yet"))
		return
	}
	reply(w, map[string]any{"ready": true, "pid": os.Getpid()})
}

// PodStatus is one pod in GET /pods.
type PodStatus struct {
	Pod
	Cell      string        `json:"cell"`              // or sidecar/UID, none/UID: no cell of the node's
	State     string        `json:"state"`             // of the cell
	OnFailure FailureAction `json:"onFailure"`         // what its owner chose
	Failing   FailureAction `json:"failing,omitempty"` // what happens to its connections now; empty: they are captured
}

func (k *Keeper) podStatus(p *pod) PodStatus {
	return PodStatus{
		Pod: p.Pod, Cell: p.cell.group, State: string(p.cell.shownState()),
		OnFailure: k.config.OnFailure.of(p.Pod), Failing: p.failing.action,
	}
}

func (k *Keeper) getPods(w http.ResponseWriter, _ *http.Request) {
	pods := []PodStatus{}
	k.do(func() {
		for _, p := range k.pods {
			pods = append(pods, k.podStatus(p))
		}
	})
	slices.SortFunc(pods, func(a, b PodStatus) int { return strings.Compare(a.UID, b.UID) })
	reply(w, pods)
}

func (k *Keeper) postPod(w http.ResponseWriter, r *http.Request) {
	var body struct {
		Pod
		Netns string `json:"netns"`
	}
	if err := decode(w, r, &body); err != nil {
		fail(w, http.StatusBadRequest, err)
		return
	}
	ctx, cancel := context.WithTimeout(r.Context(), podTimeout)
	defer cancel()
	answer(w, k.addPod(ctx, body.Pod, body.Netns), map[string]bool{"served": true})
}

// decode reads a request strictly.
func decode(w http.ResponseWriter, r *http.Request, into any) error {
	d := json.NewDecoder(http.MaxBytesReader(w, r.Body, maxBody))
	d.DisallowUnknownFields()
	return d.Decode(into)
}

func (k *Keeper) deletePod(w http.ResponseWriter, r *http.Request) {
	answer(w, k.removePod(r.Context(), r.URL.Query().Get("uid")), map[string]bool{"removed": true})
}

// CellStatus is one cell in GET /cells.
type CellStatus struct {
	Name       string        `json:"name"`
	PID        int           `json:"pid"`
	Generation int           `json:"generation"`
	Draining   []DrainStatus `json:"draining,omitempty"` // earlier processes
	Workloads  []string      `json:"workloads"`
	State      string        `json:"state"`
	Restarts   int           `json:"restarts"`
	InARow     int           `json:"inARow"`  // of them, without a long life between
	Looping    bool          `json:"looping"` // it dies again and again; while it is away its state says so too
	Delay      Duration      `json:"delay"`   // before its last restart
	Since      time.Time     `json:"since"`
	UID        int           `json:"uid"`
	Walls      Wall          `json:"walls"`    // in force; zero: none
	OOMKills   int64         `json:"oomKills"` // processes that ended at the memory wall
	// Failing are the workloads whose connections are not captured, with what happens instead.
	Failing map[string]FailureAction `json:"failing,omitempty"`
}

func (k *Keeper) getCells(w http.ResponseWriter, _ *http.Request) {
	cells := []CellStatus{}
	k.do(func() {
		for _, c := range k.cells {
			if !c.outside() {
				cells = append(cells, c.status())
			}
		}
	})
	slices.SortFunc(cells, func(a, b CellStatus) int { return strings.Compare(a.Name, b.Name) })
	reply(w, cells)
}

func (c *keptCell) status() CellStatus {
	s := CellStatus{Name: c.group, PID: c.pid(), Generation: c.generation, State: string(c.shownState()), Restarts: c.deaths.Restarts, InARow: c.deaths.Row, Looping: c.looping(), Delay: Duration(c.deaths.Delay), Since: c.since, UID: c.uid(), Walls: c.walls.wall, OOMKills: c.walls.oomKills, Workloads: c.uids()}
	for uid, p := range c.pods {
		if p.failing.action != "" {
			s.fail(uid, p.failing.action)
		}
	}
	for _, x := range c.draining {
		d := DrainStatus{PID: x.pid, Generation: x.generation, Workloads: slices.Sorted(maps.Keys(x.snapshot()))}
		s.Draining = append(s.Draining, d)
	}
	return s
}

func (s *CellStatus) fail(uid string, a FailureAction) {
	if s.Failing == nil {
		s.Failing = map[string]FailureAction{}
	}
	s.Failing[uid] = a
}

// shownState tells a back-off after a mishap from one in a loop.
func (c *keptCell) shownState() cellState {
	if c.state == cellBackoff && c.looping() {
		return cellLooping
	}
	return c.state
}

// DrainStatus is an earlier process of a cell, which ends its connections.
type DrainStatus struct {
	PID        int      `json:"pid"`
	Generation int      `json:"generation"`
	Workloads  []string `json:"workloads"`
}

func answer(w http.ResponseWriter, err error, ok any) {
	var bad *badRequest
	var missing *notFound
	switch {
	case err == nil:
		reply(w, ok)
	case errors.As(err, &bad):
		fail(w, http.StatusBadRequest, err)
	case errors.As(err, &missing):
		fail(w, http.StatusNotFound, err)
	default:
		fail(w, http.StatusInternalServerError, err)
	}
}

func reply(w http.ResponseWriter, v any) {
	w.Header().Set("Content-Type", "application/json")
	_ = json.NewEncoder(w).Encode(v) // the caller has gone if this fails
}

func fail(w http.ResponseWriter, status int, err error) {
	w.Header().Set("Content-Type", "application/json")
	w.WriteHeader(status)
	_ = json.NewEncoder(w).Encode(map[string]string{"error": err.Error()})
}

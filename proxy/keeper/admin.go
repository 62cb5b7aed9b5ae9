package keeper

import (
	"context"
	"encoding/json"
	"errors"
	"net/http"
	"os"
	"slices"
	"strings"
	"time"
)

const (
	maxBody    = 64 << 10
	podTimeout = 30 * time.Second
)

// badRequest and notFound are the caller's errors: 400 and 404.
type (
	badRequest struct{ error }
	notFound   struct{ error }
)

func (k *Keeper) routes() http.Handler {
	m := http.NewServeMux()
	m.HandleFunc("GET /ready", k.getReady)
	m.HandleFunc("GET /live", k.getLive)
	m.HandleFunc("GET /pods", k.getPods)
	m.HandleFunc("POST /pods", k.postPod)
	m.HandleFunc("DELETE /pods", k.deletePod)
	m.HandleFunc("GET /cells", k.getCells)
	m.HandleFunc("GET /who", k.getWho)
	m.HandleFunc("GET /config_dump", k.getConfigDump)
	m.HandleFunc("GET /connections", k.getConnections)
	m.HandleFunc("POST /verify", k.postVerify)
	m.HandleFunc("GET /logging", k.getLogging)
	m.HandleFunc("POST /logging", k.postLogging)
	m.HandleFunc("GET /vitals", k.getVitals)
	m.HandleFunc("POST /move", k.postMove)
	m.HandleFunc("POST /drain", k.postDrain)
	m.HandleFunc("POST /rollback", k.postRollback)
	m.HandleFunc("POST /replace", k.postReplace)
	m.HandleFunc("POST /faults", k.postFault)
	m.HandleFunc("DELETE /faults", k.deleteFault)
	m.HandleFunc("POST /upgrade", k.postUpgrade)
	debugRoutes(m)
	m.Handle("GET /metrics", k.metrics())
	return m
}

func (k *Keeper) getReady(w http.ResponseWriter, _ *http.Request) {
	if k.snapshot.Load() == nil {
		fail(w, http.StatusServiceUnavailable, errors.New("not ready: no mesh file has been read yet"))
		return
	}
	reply(w, map[string]any{"ready": true, "pid": os.Getpid()})
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

package sidecar

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"maps"
	"net/http"
	"os"
	"sync"
	"sync/atomic"
	"time"

	"github.com/bulkhead-mesh/bulkhead/identity"
	"github.com/bulkhead-mesh/bulkhead/proxy/admin"
	"github.com/bulkhead-mesh/bulkhead/proxy/cell"
	"github.com/bulkhead-mesh/bulkhead/proxy/mesh"
	"github.com/bulkhead-mesh/bulkhead/proxy/telemetry"
	"github.com/bulkhead-mesh/bulkhead/proxy/telemetry/istio"
	"github.com/bulkhead-mesh/bulkhead/proxy/vitals"
	"github.com/bulkhead-mesh/bulkhead/redirect"
)

// Cell is what carries the bytes; *cell.Alone is one.
type Cell interface {
	// Ping returns when the cell's loop has answered.
	Ping(ctx context.Context) (news *cell.Pong, dropped uint64, err error)
	// Look says what is open for the workload, through the loop as well.
	Look(ctx context.Context) (*cell.Seen, error)
	// Mesh is what is known of it; nil: nothing yet.
	Mesh() *mesh.Snapshot
}

// Signing says how asking the CA goes; *vitals.Signing does.
type Signing interface{ CA() vitals.CA }

// Source says how it stands with whoever the mesh comes from.
type Source interface{ Standing() mesh.Standing }

// Sidecar answers for one cell.
type Sidecar struct {
	uid     string
	cell    Cell
	source  Source
	signing Signing
	log     *slog.Logger
	level   *slog.LevelVar // of log
	started time.Time
	served  atomic.Bool
	door    uint16        // where peers' tunnels arrive
	knocks  time.Duration // how long one waits for an answer

	mu         sync.Mutex // a ping at a time
	unanswered int
	counts     telemetry.Counts // as of the last pong that had some
	dropped    uint64
	svids      map[identity.ID]time.Time // when those end that the cell holds
	account    *istio.Account
	lives      lives
	file       string // where they are kept; empty: nowhere

	series   *istio.Ledger // these have locks of their own
	failures istio.Failures
}

// New answers for the cell that serves a workload. Operators set the level of its log.
func New(uid string, c Cell, m Source, s Signing, log *slog.Logger, level *slog.LevelVar) *Sidecar {
	series := istio.New(istio.Options{})
	return &Sidecar{uid: uid, cell: c, source: m, signing: s, svids: map[identity.ID]time.Time{}, log: log, level: level, started: time.Now(), door: redirect.SidecarPorts.HBONE, knocks: knockPatience, series: series, account: series.Account()}
}

// Served says that the workload is served now.
func (s *Sidecar) Served() { s.served.Store(true) }

const pingTimeout = 500 * time.Millisecond

// Serve answers on a unix socket, in place of one that an earlier process left, until ctx
// ends. Whoever may open it may read what the workload talks to: its owner only.
func (s *Sidecar) Serve(ctx context.Context, path string) error {
	settled := time.AfterFunc(aliveLongEnough, s.settled)
	defer settled.Stop()
	return admin.Serve(ctx, path, s.routes())
}

func (s *Sidecar) routes() http.Handler {
	m := http.NewServeMux()
	m.HandleFunc("GET /ready", s.getReady)
	m.HandleFunc("GET /live", s.getLive)
	m.HandleFunc("GET /cells", s.getCells)
	m.HandleFunc("GET /pods", s.getPods)
	m.HandleFunc("GET /vitals", s.getVitals)
	m.HandleFunc("GET /who", s.getWho)
	m.HandleFunc("GET /connections", s.getConnections)
	m.HandleFunc("GET /logging", s.getLogging)
	m.HandleFunc("POST /logging", s.postLogging)
	metrics := istio.Handler(s.log, &collector{s}, s.series, &s.failures, istio.Standing(s.source.Standing), istio.Clock(func() identity.Dates { return s.signing.CA().Dates }))
	m.HandleFunc("GET /metrics", func(w http.ResponseWriter, r *http.Request) {
		_ = s.ping(r.Context()) // series are as of the last pong; that there is none is a metric
		metrics.ServeHTTP(w, r)
	})
	m.HandleFunc("/", getElsewhere)
	return m
}

// ping asks the cell, and keeps what it says.
func (s *Sidecar) ping(ctx context.Context) error {
	ctx, cancel := context.WithTimeout(ctx, pingTimeout)
	defer cancel()
	s.mu.Lock()
	defer s.mu.Unlock()
	news, dropped, err := s.cell.Ping(ctx)
	if err != nil {
		s.unanswered++
		return fmt.Errorf("the cell did not answer %d pings, the last for %v", s.unanswered, pingTimeout)
	}
	s.unanswered, s.dropped = 0, dropped
	if news != nil {
		if n, ok := news.Counts[s.uid]; ok {
			s.counts = n
		}
		maps.Copy(s.svids, news.SVIDs)
		s.count(news.Series[s.uid])
	}
	return nil
}

// workload is the sidecar's own, as the mesh has it; the zero value: it does not know it.
func (s *Sidecar) workload() (w mesh.Workload) {
	if m := s.cell.Mesh(); m != nil {
		w, _ = m.Workload(s.uid)
	}
	return w
}

// count takes the series of the workload. A cell serves nothing before it has a mesh. The
// caller holds mu.
func (s *Sidecar) count(tallies []telemetry.Tally) {
	m := s.cell.Mesh()
	if m == nil {
		return
	}
	w, _ := m.Workload(s.uid)
	s.account.Take(s.uid, tallies, &istio.Reading{Mesh: m, Workload: w, Cell: s.name(), Failures: &s.failures})
}

func (s *Sidecar) getReady(w http.ResponseWriter, _ *http.Request) {
	if !s.served.Load() {
		fail(w, errors.New("not ready: the workload is not served yet"))
		return
	}
	reply(w, map[string]any{"ready": true, "pid": os.Getpid()})
}

func (s *Sidecar) getLive(w http.ResponseWriter, r *http.Request) {
	err := s.ping(r.Context())
	if err == nil {
		err = s.knock(r.Context())
	}
	if err != nil {
		fail(w, err)
		return
	}
	reply(w, map[string]bool{"live": true})
}

func reply(w http.ResponseWriter, v any) {
	w.Header().Set("Content-Type", "application/json")
	_ = json.NewEncoder(w).Encode(v) // the caller has gone if this fails
}

func fail(w http.ResponseWriter, err error) { refuse(w, http.StatusServiceUnavailable, err) }

func refuse(w http.ResponseWriter, status int, err error) {
	w.Header().Set("Content-Type", "application/json")
	w.WriteHeader(status)
	_ = json.NewEncoder(w).Encode(map[string]string{"error": err.Error()})
}

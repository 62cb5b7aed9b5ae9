package sidecar

import (
	"context"
	"errors"
	"log/slog"
	"net/http"
	"os"
	"path/filepath"
	"regexp"
	"strconv"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/prometheus/client_golang/prometheus/testutil/promlint"
	"go.uber.org/goleak"

	"github.com/bulkhead-mesh/bulkhead/identity"
	"github.com/bulkhead-mesh/bulkhead/proxy"
	"github.com/bulkhead-mesh/bulkhead/proxy/admin"
	"github.com/bulkhead-mesh/bulkhead/proxy/budget"
	"github.com/bulkhead-mesh/bulkhead/proxy/cell"
	"github.com/bulkhead-mesh/bulkhead/proxy/mesh"
	"github.com/bulkhead-mesh/bulkhead/proxy/telemetry"
	"github.com/bulkhead-mesh/bulkhead/proxy/triage"
	"github.com/bulkhead-mesh/bulkhead/proxy/vitals"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// fake is a cell that can stand still.
type fake struct {
	stuck atomic.Bool
	news  atomic.Pointer[cell.Pong]
}

func (f *fake) Ping(ctx context.Context) (*cell.Pong, uint64, error) {
	if f.stuck.Load() {
		<-ctx.Done()
		return nil, 0, ctx.Err()
	}
	return f.news.Swap(nil), 7, nil
}

// Look says that one connection is open, to a peer that the mesh knows.
func (f *fake) Look(ctx context.Context) (*cell.Seen, error) {
	if f.stuck.Load() {
		<-ctx.Done()
		return nil, ctx.Err()
	}
	return &cell.Seen{Open: 1, Connections: []proxy.Connection{{PeerUID: "a/web"}}}, nil
}

func (*fake) Mesh() *mesh.Snapshot { return theMesh }

// told is a source that has stood well all the while.
type told struct{}

func (told) Standing() mesh.Standing { return mesh.Standing{Since: time.Now()} }

var theMesh = func() *mesh.Snapshot {
	s, err := mesh.Parse([]byte(`workloads: [{uid: a/web, name: web, namespace: a, serviceAccount: web, addresses: [10.0.0.1], node: n1, trustDomain: cluster.local}]`), 1)
	if err != nil {
		panic(err)
	}
	return s
}()

// serve answers on a socket of the test.
func serve(t *testing.T, f *fake) (*Sidecar, string) {
	t.Helper()
	s, path := New("a/web", f, told{}, vitals.NewSigning(nil), slog.New(slog.DiscardHandler), new(slog.LevelVar)), filepath.Join(t.TempDir(), "admin.sock")
	ctx, cancel := context.WithCancel(context.Background())
	ended := make(chan error, 1)
	go func() { ended <- s.Serve(ctx, path) }()
	t.Cleanup(func() {
		cancel()
		if err := <-ended; err != nil {
			t.Error(err)
		}
	})
	c := admin.New(path)
	for c.Call(t.Context(), "GET", "/pods", nil, nil) != nil {
		select {
		case err := <-ended:
			t.Fatal(err)
		case <-time.After(time.Millisecond): // it begins to listen
		}
	}
	return s, path
}

func status(err error) int {
	var refused *admin.RefusedError
	switch {
	case err == nil:
		return http.StatusOK
	case errors.As(err, &refused):
		return refused.Status
	}
	return 0
}

func TestReadyWhenServedAndLiveWhenItAnswers(t *testing.T) {
	var f fake
	s, path := serve(t, &f)
	c := admin.New(path)
	if got := status(c.Call(t.Context(), "GET", "/ready", nil, nil)); got != http.StatusServiceUnavailable {
		t.Errorf("ready before it is served: %d", got)
	}
	s.Served()
	for _, q := range []string{"/ready", "/live"} {
		if got := status(c.Call(t.Context(), "GET", q, nil, nil)); got != http.StatusOK {
			t.Errorf("%s: %d", q, got)
		}
	}
	f.stuck.Store(true)
	if got := status(c.Call(t.Context(), "GET", "/live", nil, nil)); got != http.StatusServiceUnavailable {
		t.Errorf("a cell that stands still is live: %d", got)
	}
}

// Counts are those of the last pong that had some, as a keeper has them.
func TestMetricsAreWhatTheCellCounted(t *testing.T) {
	var f fake
	_, path := serve(t, &f)
	series := telemetry.Tally{Born: 1, Key: &telemetry.Key{Direction: telemetry.Outbound, Service: "db.a.svc.cluster.local"}, Numbers: telemetry.Numbers{Opened: 12}}
	series.Failures = []telemetry.Failures{{Failure: telemetry.Failure{Stage: telemetry.StageTunnel, Reason: "lost"}, Count: 2}}
	counts := telemetry.Counts{Opened: 12, Closed: 9, Panics: 1, Sent: 100, Received: 200, DryRun: 3, Retries: 4, SetAside: 5, Aside: 2}
	counts.Budget.Used[budget.Connections], counts.Budget.Refused[budget.Connections], counts.Budget.Waited[budget.Dials] = 6, 7, 8
	counts.Queue.Buckets[0], counts.Handshake.Buckets[1], counts.Connect.Buckets[2] = 1, 2, 3
	web, _ := theMesh.Workload("a/web")
	f.news.Store(&cell.Pong{
		SVIDs:  map[identity.ID]time.Time{web.Identity: time.Now().Add(time.Hour), {}: time.Now()}, // another's, of earlier
		Counts: map[string]telemetry.Counts{"a/web": counts},
		Series: map[string][]telemetry.Tally{"a/web": {series}},
	})
	for range 2 { // the second has no news
		var text admin.Text
		if err := admin.New(path).Call(t.Context(), "GET", "/metrics", nil, &text); err != nil {
			t.Fatal(err)
		}
		for _, want := range []string{
			`bulkhead_connections_opened_total{cell="sidecar/a/web",workload="a/web"} 12`,
			`bulkhead_connections_closed_total{cell="sidecar/a/web",workload="a/web"} 9`,
			`bulkhead_panics_total{cell="sidecar/a/web",workload="a/web"} 1`,
			`bulkhead_cell_access_lines_dropped{cell="sidecar/a/web"} 7`,
			`bulkhead_cell_up{cell="sidecar/a/web"} 1`,
			`bulkhead_cell_restarts_total{cell="sidecar/a/web"} 0`,
			`bulkhead_sent_bytes_total{cell="sidecar/a/web",workload="a/web"} 100`,
			`bulkhead_received_bytes_total{cell="sidecar/a/web",workload="a/web"} 200`,
			`bulkhead_policy_dry_run_total{cell="sidecar/a/web",workload="a/web"} 3`,
			`bulkhead_connect_retries_total{cell="sidecar/a/web",workload="a/web"} 4`,
			`bulkhead_endpoints_set_aside_total{cell="sidecar/a/web",workload="a/web"} 5`,
			`bulkhead_endpoints_aside{cell="sidecar/a/web",workload="a/web"} 2`,
			`bulkhead_budget_used{cell="sidecar/a/web",resource="connections",workload="a/web"} 6`,
			`bulkhead_budget_refused_total{cell="sidecar/a/web",resource="connections",workload="a/web"} 7`,
			`bulkhead_budget_waited_total{cell="sidecar/a/web",resource="dials",workload="a/web"} 8`,
			`bulkhead_queue_seconds_bucket{cell="sidecar/a/web",workload="a/web",le="0.001"} 1`,
			`bulkhead_handshake_seconds_bucket{cell="sidecar/a/web",workload="a/web",le="0.001"} 0`,
			`bulkhead_handshake_seconds_count{cell="sidecar/a/web",workload="a/web"} 2`,
			`bulkhead_connect_seconds_bucket{cell="sidecar/a/web",workload="a/web",le="0.1"} 3`,
			`bulkhead_svid_dated_elsewhere_total 0`,
			`bulkhead_ca_clock_ahead_seconds 0`,
			`bulkhead_connection_failures_total{cell="sidecar/a/web",direction="outbound",peer="",reason="lost",stage="tunnel",workload="a/web"} 2`,
			`istio_tcp_sockets_open{reporter="source"} 12`,
			`source_workload="web",source_workload_namespace="a",source_zone=""} 12`,
		} {
			if !strings.Contains(string(text), want+"\n") {
				t.Errorf("no %s in\n%s", want, text)
			}
		}
		wantWellFormed(t, string(text))
		_, rest, _ := strings.Cut(string(text), `bulkhead_svid_seconds_left{cell="sidecar/a/web",identity="`+web.Identity.String()+`"} `)
		value, _, _ := strings.Cut(rest, "\n")
		if left, err := strconv.ParseFloat(value, 64); err != nil || left <= 0 || left > time.Hour.Seconds() || strings.Count(string(text), "\nbulkhead_svid_seconds_left{") != 1 {
			t.Errorf("its SVID has %q s left", value)
		}
	}
}

// wantWellFormed finds a scrape without what Prometheus's linter objects to, with a process's
// own metrics, and nothing of ours that the docs do not have.
func wantWellFormed(t *testing.T, scrape string) {
	t.Helper()
	problems, err := promlint.New(strings.NewReader(scrape)).Lint()
	if err != nil || len(problems) > 0 {
		t.Error(err, problems)
	}
	doc, err := os.ReadFile(filepath.Join("..", "..", "docs", "metrics.md"))
	if err != nil {
		t.Fatal(err)
	}
	for _, m := range regexp.MustCompile(`(?m)^# TYPE (bulkhead_\S+) `).FindAllStringSubmatch(scrape, -1) {
		if !regexp.MustCompile(`\b` + m[1] + `\b`).Match(doc) {
			t.Errorf("docs/metrics.md has no %s", m[1])
		}
	}
	for _, name := range []string{`istio_build{component="ztunnel",tag="`, "process_open_fds ", "process_max_fds "} {
		if !strings.Contains(scrape, "\n"+name) {
			t.Errorf("no %s", name)
		}
	}
}

// The tool that asks keepers asks a sidecar, and says when it stands still.
func TestTriageAsksASidecar(t *testing.T) {
	var f fake
	s, path := serve(t, &f)
	s.Served()
	w := triage.NewWatch(path)
	for range 2 {
		if found := w.Look(t.Context()); len(found) > 0 {
			t.Errorf("%+v", found)
		}
	}
	o := w.Window()[1].Sources[0]
	if o.Problem != "" || o.Vitals.Pods[0].Node != "n1" || len(o.Vitals.Pods[0].Doors) == 0 && len(o.Vitals.Pods[0].Addresses) == 0 || o.Vitals.Cells[0].Files == 0 {
		t.Errorf("%+v", o)
	}
	f.stuck.Store(true)
	w.Look(t.Context()) // a look pings twice, for vitals and for metrics
	found := w.Look(t.Context())
	want := triage.Path{Kind: triage.KindCell, Name: "sidecar/a/web"}
	if len(found) != 1 || found[0].Path != want || found[0].Class != triage.Hang {
		t.Errorf("%+v", found)
	}
}

// Who shares a sidecar is one workload; how long it lasts without the CA is what the cell said last.
func TestWho(t *testing.T) {
	var f fake
	s, path := serve(t, &f)
	s.Served()
	web, _ := theMesh.Workload("a/web")
	end := time.Now().Add(time.Hour)
	f.news.Store(&cell.Pong{SVIDs: map[identity.ID]time.Time{web.Identity: end, {}: time.Now()}})
	c := admin.New(path)
	if err := c.Call(t.Context(), "GET", "/live", nil, nil); err != nil {
		t.Fatal(err)
	}
	var n admin.Node
	if err := c.Call(t.Context(), "GET", "/who", nil, &n); err != nil {
		t.Fatal(err)
	}
	if n.Node != "n1" || n.Isolation != "sidecar" || n.Mesh.Version != 1 || n.Mesh.Error != "" || n.Mesh.Heard.IsZero() || len(n.Cells) != 1 {
		t.Fatalf("%+v", n)
	}
	x := n.Cells[0]
	if x.Name != "sidecar/a/web" || x.State != "up" || x.Health != admin.Well || x.Survival == nil || !x.Survival.Until.Equal(end) || x.Survival.Identity != web.Identity.String() {
		t.Errorf("%+v", x)
	}
	if len(x.Peers) != 1 || x.Peers[0] != (admin.Peer{Workload: "a/web", Node: "n1", Open: 1}) {
		t.Errorf("peers %+v", x.Peers)
	}
	f.stuck.Store(true)
	var alone admin.Node
	if err := c.Call(t.Context(), "GET", "/who?peers=no", nil, &alone); err != nil || alone.Cells[0].Peers != nil {
		t.Errorf("%+v, %v: whom it talks to was asked", alone.Cells, err)
	}
	if w := x.Workloads[0]; w.UID != "a/web" || w.Identity != web.Identity.String() {
		t.Errorf("%+v", w)
	}
}

// What is open is the cell's own answer, of its workload and nobody else's; a cell that stands still is said to be silent.
func TestConnections(t *testing.T) {
	var f fake
	_, path := serve(t, &f)
	for query, want := range map[string]int{"": 1, "?workload=a/web": 1, "?workload=a/other": 0} {
		var all []admin.Connections
		if err := admin.New(path).Call(t.Context(), "GET", "/connections"+query, nil, &all); err != nil || len(all) != want {
			t.Errorf("%q: %+v, %v", query, all, err)
		}
		if want == 1 && (all[0].Cell != "sidecar/a/web" || all[0].Open != 1 || len(all[0].Connections) != 1 || all[0].Error != "") {
			t.Errorf("%q: %+v", query, all[0])
		}
	}
	f.stuck.Store(true)
	var all []admin.Connections
	if err := admin.New(path).Call(t.Context(), "GET", "/connections", nil, &all); err != nil || len(all) != 1 || all[0].Error == "" {
		t.Errorf("%+v, %v", all, err)
	}
}

func TestLogLevel(t *testing.T) {
	var f fake
	s, path := serve(t, &f)
	c := admin.New(path)
	var now struct{ Level string }
	if err := c.Call(t.Context(), "GET", "/logging", nil, &now); err != nil || now.Level != "info" {
		t.Errorf("%v, %v", now, err)
	}
	if err := c.Call(t.Context(), "POST", "/logging?level=debug", nil, &now); err != nil || now.Level != "debug" || s.level.Level() != slog.LevelDebug {
		t.Errorf("%v, %v", now, err)
	}
	if got := status(c.Call(t.Context(), "POST", "/logging?level=loud", nil, nil)); got != http.StatusBadRequest || s.level.Level() != slog.LevelDebug {
		t.Errorf("status %d, level %v", got, s.level)
	}
}

func TestASocketThatCannotBeHad(t *testing.T) {
	if err := New("a/web", &fake{}, told{}, vitals.NewSigning(nil), slog.New(slog.DiscardHandler), new(slog.LevelVar)).Serve(t.Context(), filepath.Join(t.TempDir(), "no", "such", "admin.sock")); err == nil {
		t.Error("no error")
	}
}

// What only a keeper does, a sidecar refuses as the caller's mistake, and says who does it.
func TestWhatASidecarDoesNotDo(t *testing.T) {
	_, socket := serve(t, &fake{})
	for path, want := range map[string]string{"/drain": "SIGTERM", "/move": "keeper", "/nothing": "POST /nothing"} {
		err := admin.New(socket).Call(t.Context(), "POST", path, nil, nil)
		var refused *admin.RefusedError
		if !errors.As(err, &refused) || refused.Status != http.StatusNotFound || !strings.Contains(refused.Sentence, want) {
			t.Errorf("%s: %v", path, err)
		}
	}
}

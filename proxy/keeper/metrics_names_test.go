package keeper

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/bulkhead-mesh/bulkhead/proxy/admin"
)

// sometimes are metrics that a node has only when there is something to say.
var sometimes = map[string]string{
	"bulkhead_cell_cpu_seconds_total":     "needs cgroups",
	"bulkhead_cell_memory_bytes":          "needs cgroups",
	"bulkhead_workload_cpu_seconds_total": "needs cgroups",
	"bulkhead_workload_failing":           "while a workload fails",
	"bulkhead_connection_failures_total":  "after a failure",
	"bulkhead_discovery_heard":            "where the mesh is not a file",

	"bulkhead_verify_findings":               "with verify in the node's file",
	"bulkhead_verify_last_timestamp_seconds": "likewise",
	"bulkhead_verify_duration_seconds":       "likewise",
}

// ztunnels are what Istio's dashboards read of a ztunnel, with the form of their series; those of
// discovery, which this node does not have, are tested where they are made.
var ztunnels = []string{
	`istio_build\{component="ztunnel",tag="[^"]+"\} 1`,
	`process_open_fds [1-9].*`, `process_max_fds [1-9].*`,
	`workload_manager_active_proxy_count 2`, `workload_manager_pending_proxy_count 0`,
	`workload_manager_proxies_started_total 2`, `workload_manager_proxies_stopped_total 0`,
}

var (
	typeLine = regexp.MustCompile(`(?m)^# TYPE (\S+) `)
	ourName  = regexp.MustCompile(`\bbulkhead_[a-z_]*[a-z]\b`)
)

// wantNames finds each of our metrics in docs/metrics.md and in the scrape, and ztunnel's.
func (n *node) wantNames(t *testing.T) {
	t.Helper()
	doc, err := os.ReadFile(filepath.Join("..", "..", "docs", "metrics.md"))
	if err != nil {
		t.Fatal(err)
	}
	documented := ourName.FindAllString(string(doc), -1)
	_, text := n.scrape(t)
	var served []string
	for _, m := range typeLine.FindAllStringSubmatch(text, -1) {
		served = append(served, m[1])
		if strings.HasPrefix(m[1], "bulkhead_") && !slices.Contains(documented, m[1]) {
			t.Errorf("docs/metrics.md has no %s", m[1])
		}
	}
	for _, name := range documented {
		if !slices.Contains(served, name) && sometimes[name] == "" {
			t.Errorf("there is no %s, which docs/metrics.md has", name)
		}
	}
	for _, series := range ztunnels {
		if !regexp.MustCompile(`(?m)^` + series + `$`).MatchString(text) {
			t.Errorf("no %s in\n%s", series, text)
		}
	}
}

// metric is the value of the series that begins so.
func (n *node) metric(t *testing.T, series string) (float64, error) {
	t.Helper()
	_, text := n.scrape(t)
	_, rest, found := strings.Cut(text, "\n"+series+" ")
	if !found {
		return 0, fmt.Errorf("no %s in\n%s", series, text)
	}
	value, _, _ := strings.Cut(rest, "\n")
	return strconv.ParseFloat(value, 64)
}

// wantMetric waits until a series has a value from least to most.
func (n *node) wantMetric(t *testing.T, series string, least, most float64) {
	t.Helper()
	eventually(t, fmt.Sprintf("%s is from %v to %v", series, least, most), func() error {
		got, err := n.metric(t, series)
		if err == nil && (got < least || got > most) {
			err = fmt.Errorf("%v", got)
		}
		return err
	})
}

// wantValues finds what metrics say to be true of a shared cell in which one connection is open.
func (n *node) wantValues(t *testing.T) {
	t.Helper()
	day := 24 * time.Hour
	for _, end := range []string{"client", "server"} {
		n.wantMetric(t, fmt.Sprintf(`bulkhead_svid_seconds_left{cell="shared",identity="spiffe://cluster.local/ns/a/sa/%s"}`, end), 1, day.Seconds())
		n.wantMetric(t, fmt.Sprintf(`bulkhead_policy_behind_seconds{cell="shared",workload="a/%s"}`, end), 0, 0)
		n.wantMetric(t, n.generation(t, "a/"+end), 1, 1)
		n.wantMetric(t, fmt.Sprintf(`bulkhead_budget_used{cell="shared",resource="connections",workload="a/%s"}`, end), 1, 100)
	}
	n.wantMetric(t, `bulkhead_cell_identities{cell="shared"}`, 2, 2)
}

// generation is the series of the policies that a workload is judged by.
func (n *node) generation(t *testing.T, uid string) string {
	t.Helper()
	var inForce string
	eventually(t, uid+" is judged", func() error {
		if inForce = n.cellOf(t, uid).Policies[uid].InForce; inForce == "" {
			return errors.New("by nothing")
		}
		return nil
	})
	return fmt.Sprintf(`bulkhead_policy_generation_info{cell="shared",generation="%s",workload="%s"}`, inForce, uid)
}

// wantSidecarMetrics finds what only a real process can say in the metrics of the client's sidecar, which was killed before.
func (n *node) wantSidecarMetrics(t *testing.T) {
	t.Helper()
	eventually(t, "the sidecar says how it is", func() error {
		var text admin.Text
		if err := admin.New(filepath.Join(n.dir, "sidecar.sock")).Call(t.Context(), "GET", "/metrics", nil, &text); err != nil {
			return err
		}
		for _, series := range []string{
			`istio_build\{component="ztunnel",tag="[^"]+"\} 1`, `process_open_fds [1-9].*`, `process_max_fds [1-9].*`,
			`bulkhead_cell_restarts_total\{cell="sidecar/a/client"\} [1-9].*`,
			`bulkhead_svid_seconds_left\{cell="sidecar/a/client",identity="spiffe://cluster.local/ns/a/sa/client"\} [1-9].*`,
		} {
			if !regexp.MustCompile(`(?m)^` + series + `$`).MatchString(string(text)) {
				return fmt.Errorf("no %s in\n%s", series, text)
			}
		}
		return nil
	})
}

// A cell that stands still while the mesh changes is behind until it runs again.
func TestACellThatIsHeldIsBehind(t *testing.T) {
	n := startNode(t, "isolation: shared\nliveness: {interval: 100ms, misses: 6000}\n")
	const behind = `bulkhead_policy_behind_seconds{cell="shared",workload="a/server"}`
	pid, before := n.cellOf(t, "a/server").PID, n.generation(t, "a/server")
	n.wantMetric(t, behind, 0, 0)
	halt(t, pid)
	n.write(t, "mesh.yaml", n.meshFile()+"policies:\n- {name: nobody, namespace: a, scope: namespace, action: DENY, rules: [{namespaces: [a]}]}\n")
	n.wantMetric(t, behind, 1e-9, 1e9)
	n.wantMetric(t, before, 1, 1)
	if err := syscall.Kill(pid, syscall.SIGCONT); err != nil {
		t.Fatal(err)
	}
	n.wantMetric(t, behind, 0, 0)
	after := n.generation(t, "a/server")
	if after == before {
		t.Errorf("it is judged by %s, as before", after)
	}
	n.wantMetric(t, after, 1, 1)
}

package keeper

import (
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
func (n *node) metric(t *testing.T, series string) float64 {
	t.Helper()
	_, text := n.scrape(t)
	_, rest, found := strings.Cut(text, "\n"+series+" ")
	value, _, _ := strings.Cut(rest, "\n")
	v, err := strconv.ParseFloat(value, 64)
	if !found || err != nil {
		t.Errorf("%s: %q of %s", series, value, text)
	}
	return v
}

// wantValues finds what metrics say to be true of a shared cell in which one connection is open.
func (n *node) wantValues(t *testing.T) {
	t.Helper()
	for _, end := range []string{"client", "server"} {
		series := fmt.Sprintf(`bulkhead_svid_seconds_left{cell="shared",identity="spiffe://cluster.local/ns/a/sa/%s"}`, end)
		if left, life := n.metric(t, series), 24*time.Hour; left <= 0 || left > life.Seconds() {
			t.Errorf("an SVID has %v s left", left)
		}
		if behind := n.metric(t, fmt.Sprintf(`bulkhead_policy_behind_seconds{cell="shared",workload="a/%s"}`, end)); behind != 0 {
			t.Errorf("%s is behind for %v s", end, behind)
		}
		generation := n.cellOf(t, "a/"+end).Policies["a/"+end].InForce
		if generation == "" || n.metric(t, fmt.Sprintf(`bulkhead_policy_generation_info{cell="shared",generation="%s",workload="a/%s"}`, generation, end)) != 1 {
			t.Errorf("%s is judged by generation %q", end, generation)
		}
		used := fmt.Sprintf(`bulkhead_budget_used{cell="shared",resource="connections",workload="a/%s"}`, end)
		eventually(t, "a connection is in use at the "+end, func() error {
			if got := n.metric(t, used); got < 1 {
				return fmt.Errorf("%v", got)
			}
			return nil
		})
	}
	if got := n.metric(t, `bulkhead_cell_identities{cell="shared"}`); got != 2 {
		t.Errorf("keys of %v identities", got)
	}
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

// A cell that stands still while the mesh changes is behind, for longer and longer, until it runs again.
func TestACellThatIsHeldIsBehind(t *testing.T) {
	n := startNode(t, "isolation: shared\nliveness: {interval: 100ms, misses: 6000}\n")
	before := n.cellOf(t, "a/server")
	generation := before.Policies["a/server"].InForce
	behind := func() float64 {
		return n.metric(t, `bulkhead_policy_behind_seconds{cell="shared",workload="a/server"}`)
	}
	halt(t, before.PID)
	n.write(t, "mesh.yaml", n.meshFile()+"policies:\n- {name: nobody, namespace: a, scope: namespace, action: DENY, rules: [{namespaces: [a]}]}\n")
	eventually(t, "it is behind", func() error {
		if got := behind(); got <= 0 {
			return fmt.Errorf("%v s", got)
		}
		return nil
	})
	if n.metric(t, fmt.Sprintf(`bulkhead_policy_generation_info{cell="shared",generation="%s",workload="a/server"}`, generation)) != 1 {
		t.Error("it does not judge by what it knew")
	}
	if err := syscall.Kill(before.PID, syscall.SIGCONT); err != nil {
		t.Fatal(err)
	}
	eventually(t, "it is behind no more, and judges by others", func() error {
		now := n.cellOf(t, "a/server").Policies["a/server"].InForce
		if got := behind(); got != 0 || now == generation {
			return fmt.Errorf("%v s, by %s", got, now)
		}
		return nil
	})
}

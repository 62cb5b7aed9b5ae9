package keeper

import (
	"compress/gzip"
	"errors"
	"fmt"
	"io"
	"net/http"
	"slices"
	"strings"
	"syscall"
	"testing"

	"github.com/prometheus/client_golang/prometheus/testutil/promlint"
)

// scrape gets the node's metrics with these headers.
func (n *node) scrape(t *testing.T, headers ...string) (*http.Response, string) {
	t.Helper()
	q, err := http.NewRequest("GET", "http://node/metrics", nil)
	if err != nil {
		t.Fatal(err)
	}
	for i := 0; i < len(headers); i += 2 {
		q.Header.Set(headers[i], headers[i+1])
	}
	resp, err := n.admin.Do(q)
	if err != nil {
		t.Fatal(err)
	}
	defer resp.Body.Close()
	b, err := io.ReadAll(resp.Body)
	if err != nil || resp.StatusCode != http.StatusOK {
		t.Fatal(resp.Status, err)
	}
	return resp, string(b)
}

// wantScrape finds the metrics, and nothing else, at the address that the log names.
func (n *node) wantScrape(t *testing.T) {
	t.Helper()
	var address string
	eventually(t, "the log names the address of the metrics", func() error {
		_, address, _ = strings.Cut(n.line(`"msg":"metrics served"`), `"address":"`)
		if address, _, _ = strings.Cut(address, `"`); address == "" {
			return errors.New(n.stderr.String())
		}
		return nil
	})
	for path, want := range map[string]int{"/metrics": http.StatusOK, "/pods": http.StatusNotFound, "/debug/pprof/": http.StatusNotFound} {
		resp, err := http.Get("http://" + address + path)
		if err != nil {
			t.Fatal(err)
		}
		resp.Body.Close()
		if resp.StatusCode != want {
			t.Errorf("GET %s at %s: %s, want %d", path, address, resp.Status, want)
		}
	}
	http.DefaultClient.CloseIdleConnections()
}

// istioSeries are the lines of one of Istio's metrics at one end.
func istioSeries(metrics, name, reporter string) (lines []string) {
	for line := range strings.Lines(metrics) {
		if strings.HasPrefix(line, name+"{") && strings.Contains(line, `reporter="`+reporter+`"`) {
			lines = append(lines, strings.TrimSpace(line))
		}
	}
	return lines
}

// Conformance 107: a connection through HBONE is counted at both ends, with exact bytes.
// Conformance 110: the names, content types and compression of the metrics.
func TestIstiosMetricsOfARealConnection(t *testing.T) {
	eachTransport(t, "isolation: shared\nliveness: {interval: 100ms, misses: 50}\nmetrics: {address: '127.0.0.1:0'}\n", func(t *testing.T, n *node) {
		c := n.hold(t) // "hello", and as much back
		n.wantValues(t)
		c.Close()
		n.wantCounted(t, n.met+1, len("once")*n.met+len("hello"))
		n.wantScrape(t)
		n.wantFormats(t)
		n.wantNames(t)
	})
}

// wantCounted finds so many connections, which are over, with so many bytes in Istio's metrics of both ends.
func (n *node) wantCounted(t *testing.T, connections, bytes int) {
	t.Helper()
	values := func(want map[string]string, reporter string) error {
		_, all := n.scrape(t)
		for name, value := range want {
			lines := istioSeries(all, name, reporter)
			if len(lines) != 1 || !strings.HasSuffix(lines[0], " "+value) {
				return errors.New(reporter + ": want one " + name + " of " + value + ":\n" + strings.Join(lines, "\n"))
			}
			for _, label := range []string{
				`source_workload="client"`, `source_workload_namespace="a"`, `source_principal="spiffe://cluster.local/ns/a/sa/client"`, `source_canonical_service="client"`,
				`destination_workload="server"`, `destination_workload_namespace="a"`, `destination_principal="spiffe://cluster.local/ns/a/sa/server"`, `destination_canonical_service="server"`,
				`connection_security_policy="mutual_tls"`, `request_protocol="tcp"`, `response_flags="-"`, `destination_service="unknown"`,
			} {
				if !strings.Contains(lines[0], label) {
					return errors.New("no " + label + " in " + lines[0])
				}
			}
		}
		return nil
	}
	want := map[string]string{
		"istio_tcp_connections_opened_total": fmt.Sprint(connections), "istio_tcp_connections_closed_total": fmt.Sprint(connections), "istio_tcp_connections_failed_total": "0",
		"istio_tcp_sent_bytes_total": fmt.Sprint(bytes), "istio_tcp_received_bytes_total": fmt.Sprint(bytes),
	}
	for _, reporter := range []string{"source", "destination"} {
		eventually(t, "it is counted at its "+reporter, func() error { return values(want, reporter) })
	}
}

// wantFormats finds the metrics in each form that may be asked for.
func (n *node) wantFormats(t *testing.T) {
	t.Helper()
	resp, text := n.scrape(t)
	if got := resp.Header.Get("Content-Type"); !strings.HasPrefix(got, "text/plain; version=0.0.4") {
		t.Errorf("content type %q", got)
	}
	problems, err := promlint.New(strings.NewReader(text)).Lint()
	problems = slices.DeleteFunc(problems, func(p promlint.Problem) bool { // two names are Istio's
		return strings.HasPrefix(p.Metric, "workload_manager_") && strings.Contains(p.Text, `"_count" suffix`)
	})
	if err != nil || len(problems) > 0 {
		t.Error(err, problems)
	}
	resp, text = n.scrape(t, "Accept", "application/openmetrics-text; version=1.0.0")
	if got := resp.Header.Get("Content-Type"); !strings.HasPrefix(got, "application/openmetrics-text") || !strings.HasSuffix(text, "# EOF\n") {
		t.Errorf("content type %q of what ends with %q", got, text[max(0, len(text)-20):])
	}
	for _, want := range []string{"\nbulkhead_svid_dated_elsewhere_total 0", "\nbulkhead_ca_clock_ahead_seconds 0"} {
		if !strings.Contains(text, want) {
			t.Errorf("no %q", want)
		}
	}
	resp, text = n.scrape(t, "Accept-Encoding", "gzip")
	z, err := gzip.NewReader(strings.NewReader(text))
	if err != nil || resp.Header.Get("Content-Encoding") != "gzip" {
		t.Fatal(err, resp.Header)
	}
	if plain, err := io.ReadAll(z); err != nil || !strings.Contains(string(plain), "istio_tcp_connections_opened_total") {
		t.Error("compressed, there is no such metric", err)
	}
}

// A cell is killed with an open connection: what it counted stays, and the connection is
// closed in the metrics as it is in the world.
func TestIstiosMetricsOutliveTheCell(t *testing.T) {
	n := startNode(t, "isolation: shared\nliveness: {interval: 100ms, misses: 50}\n")
	n.echo(t)
	c, err := n.dial()
	if err != nil {
		t.Fatal(err)
	}
	defer c.Close()
	if err := say(c, "hello"); err != nil {
		t.Fatal(err)
	}
	metric := func(name, value string) func() error {
		return func() error {
			_, all := n.scrape(t)
			if lines := istioSeries(all, name, "source"); len(lines) != 1 || !strings.HasSuffix(lines[0], " "+value) {
				return errors.New(strings.Join(lines, "\n"))
			}
			return nil
		}
	}
	eventually(t, "its bytes are counted while it is open", metric("istio_tcp_received_bytes_total", "5"))
	if err := metric("istio_tcp_connections_closed_total", "0")(); err != nil {
		t.Fatal(err)
	}
	if err := syscall.Kill(n.cellOf(t, "a/client").PID, syscall.SIGKILL); err != nil {
		t.Fatal(err)
	}
	eventually(t, "it is closed", metric("istio_tcp_connections_closed_total", "1"))
	for name, value := range map[string]string{"istio_tcp_connections_opened_total": "1", "istio_tcp_connections_failed_total": "1", "istio_tcp_received_bytes_total": "5"} {
		if err := metric(name, value)(); err != nil {
			t.Error(name, err)
		}
	}
	eventually(t, "two pods are served by another process", func() error {
		active, _ := n.metric(t, "workload_manager_active_proxy_count")
		started, _ := n.metric(t, "workload_manager_proxies_started_total")
		stopped, _ := n.metric(t, "workload_manager_proxies_stopped_total")
		if active != 2 || started != 4 || stopped != 2 {
			return fmt.Errorf("%v active, %v started, %v stopped", active, started, stopped)
		}
		return nil
	})
}

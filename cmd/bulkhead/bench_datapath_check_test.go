package main

import (
	"encoding/json"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/bulkhead-mesh/bulkhead/bench/datapath/verdict"
)

// measured writes the record of a run that never was: ours have these times the peer's throughput.
func measured(t *testing.T, ratios ...float64) string {
	t.Helper()
	row := verdict.Rows()[0]
	d := verdict.Document{
		Run: verdict.Run{
			Started: time.Date(2026, 11, 25, 17, 0, 0, 0, time.UTC), Build: "v1", CPU: "one", CPUs: 2, Rounds: len(ratios),
			Subjects: []verdict.Subject{{Name: row.Subject}, {Name: row.Peer}}, Rows: []verdict.Row{row},
		},
		End: &verdict.End{},
	}
	for i, x := range ratios {
		d.Samples = append(d.Samples, verdict.Sample{Round: i, Row: row.Name, Subject: row.Subject, Metric: row.Metric, Value: 500 * x},
			verdict.Sample{Round: i, Row: row.Name, Subject: row.Peer, Metric: row.Metric, Value: 500})
	}
	dir := t.TempDir()
	if err := d.Save(dir); err != nil {
		t.Fatal(err)
	}
	return dir
}

func TestDatapathCheck(t *testing.T) {
	good := measured(t, 1.20, 1.22, 1.21, 1.19, 1.23, 1.20, 1.21)
	again := measured(t, 1.21, 1.19, 1.22, 1.20, 1.21, 1.23, 1.20)
	bad := measured(t, 1.00, 1.02, 1.01, 0.99, 1.03, 1.00, 1.01)
	few := measured(t, 1, 1)
	build := t.TempDir()
	if err := os.WriteFile(filepath.Join(build, "bulkhead-cell"), nil, 0o755); err != nil {
		t.Fatal(err)
	}
	for _, c := range []struct {
		args []string
		code int
		says string
	}{
		{[]string{good, again}, exitOK, ""},
		{[]string{bad, good}, exitOK, ""},
		{[]string{good, bad}, exitFailure, "1 connection, bulk, MiB/s: -16."},
		{[]string{good, few}, exitMisuse, "too few rounds"},
		{[]string{good}, exitMisuse, "two records or two directories"},
		{[]string{good, t.TempDir()}, exitMisuse, "has neither datapath.jsonl"},
		{[]string{good, build}, exitMisuse, "one is a record and the other a build"},
		{[]string{build, build, "--subject", "nginx"}, exitMisuse, "leave out --subject"},
	} {
		out, sentence, code := try(append([]string{"bench", "datapath", "--check"}, c.args...)...)
		if code != c.code || !strings.Contains(sentence, c.says) {
			t.Errorf("%v: exit %d, %q, want %d and %q", c.args, code, sentence, c.code, c.says)
		}
		if code != exitMisuse && !strings.Contains(out, "check: v1 against v1") {
			t.Errorf("%v: it prints\n%s", c.args, out)
		}
	}
	if _, sentence, code := try("bench", "datapath", good); code != exitMisuse || !strings.Contains(sentence, "only --check") {
		t.Errorf("exit %d, %q", code, sentence)
	}
	out, _, code := try("bench", "datapath", "--check", "--json", good, bad)
	var parsed struct{ Schema string }
	if err := json.Unmarshal([]byte(out), &parsed); err != nil || code != exitFailure || parsed.Schema != verdict.CheckSchema {
		t.Errorf("exit %d, %v, %q", code, err, parsed.Schema)
	}
}

func TestReportOfDatapath(t *testing.T) {
	dir := measured(t, 1.20, 1.22, 1.21, 1.19, 1.23, 1.20, 1.21)
	doc, err := verdict.Open(dir)
	if err != nil {
		t.Fatal(err)
	}
	if got := fine(t, "report", dir); !strings.HasPrefix(got, doc.Table()) {
		t.Errorf("%s", got)
	}
	if got := fine(t, "report", dir, "--benchstat"); got != doc.Benchstat() || !strings.Contains(got, "BenchmarkDatapath/row=up1/subject=bulkhead 1 600 MiB/s\n") {
		t.Errorf("%s", got)
	}
	fine(t, "report", dir, "--html")
	if page := content(t, filepath.Join(dir, pageFile)); !strings.Contains(page, "1 connection, bulk") {
		t.Errorf("%s", page)
	}
	for _, args := range [][]string{{dir, "--benchstat", "--json"}, {told(t, t.TempDir(), "crash"), "--benchstat"}} {
		if _, sentence, code := try(append([]string{"report"}, args...)...); code != exitMisuse || !strings.Contains(sentence, "--benchstat") {
			t.Errorf("%v: exit %d, %q", args, code, sentence)
		}
	}
}

func TestBenchPeers(t *testing.T) {
	if got := fine(t, "bench", "peers"); !strings.Contains(got, "proxy_buffer_size 128k;") || !strings.Contains(got, "tune.bufsize 131072") {
		t.Errorf("%s", got)
	}
}

package cost

import (
	"bytes"
	"encoding/json"
	"flag"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"go.uber.org/goleak"
)

var update = flag.Bool("update", false, "rewrite the golden files")

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

func open(t *testing.T, s *story) *Document {
	t.Helper()
	doc, err := Open(s.write(t))
	if err != nil {
		t.Fatal(err)
	}
	return doc
}

// TestNumbers: every number of the story, worked out by hand.
func TestNumbers(t *testing.T) {
	doc := open(t, told().end(End{}))
	if len(doc.Result.Sizes) != 1 || len(doc.Result.Sizes[0].Rows) != 2 || len(doc.Result.Invalid) > 0 {
		t.Fatalf("%+v", doc.Result)
	}
	row := doc.Result.Sizes[0].Rows[1]
	if row.Isolation != "shared" {
		t.Fatalf("the second row is %s", row.Isolation)
	}
	want := map[string]float64{
		"processes": 3, "threads": 22,
		"pss_anchor_bytes": 4 << 20, "pss_keeper_bytes": 8.5 * (1 << 20), "pss_cells_bytes": 6 << 20, "pss_bytes": 18.5 * (1 << 20),
		"private_anchor_bytes": 2 << 20, "private_keeper_bytes": 6 << 20, "private_cells_bytes": 5 << 20, "charged_cells_bytes": 7 << 20,
		"idle_cpu_percent": 1,     // twice 5 ms in 1 s
		"cpu_per_1000_ns":  500e6, // twice 5 ms for 20 requests
		// Of 3 to 12 ms and 1 to 10 ms.
		"added_p50_reused_ns": 2e6, "added_p50_new_ns": 2e6, "added_p99_reused_ns": 2e6, "added_p99_new_ns": 2e6,
		"first_request_first_ns": 20e6, "first_request_replica_ns": 21e6, "node_ready_ns": 2e9,
		"streams": 1, "read_bytes": 4096, // less twice what an idle second reads
		"messages": 5, "pushed_bytes": 2048, "csrs_at_start": 3, "csrs_per_hour": 6,
		"replaced": 1, "replace_ns": 4e9, "long_lived": 5, "cut": 4, "cut_within_1s": 3, "replace_requests": 20, "replace_failed_new": 5, "replace_failed_reused": 5,
	}
	got := make(map[string]float64)
	for name, s := range row.Numbers {
		got[name] = s.Median
		if s.Turns != 2 {
			t.Errorf("%s is of %d turns, want 2", name, s.Turns)
		}
	}
	if d := cmp.Diff(want, got); d != "" {
		t.Error(d)
	}
	if s := row.Numbers["pss_keeper_bytes"]; s.Low != 8<<20 || s.High != 9<<20 {
		t.Errorf("keeper %+v, want 8 to 9 MiB", s)
	}
	if _, has := doc.Result.Sizes[0].Rows[0].Numbers["cut"]; has {
		t.Error("none has a number for what was replaced")
	}
}

// Without cgroups there is no charge, which is another thing than a charge of nothing.
func TestUncharged(t *testing.T) {
	s := told().end(End{})
	for _, l := range s.lines {
		if l.Sample == nil {
			continue
		}
		for i := range l.Sample.Procs {
			l.Sample.Procs[i].Charge = 0
		}
	}
	rows := open(t, s).Result.Sizes[0].Rows
	if got := rows[1].Numbers["charged_cells_bytes"]; got != nil {
		t.Errorf("shared is charged %+v", got)
	}
	if got := rows[0].Numbers["charged_cells_bytes"]; got == nil || got.High != 0 {
		t.Errorf("none is charged %+v, want 0", got)
	}
}

// An unfinished turn has no place in a table, and the table says why it is not there.
func TestUnfinished(t *testing.T) {
	s := told()
	whole := len(s.lines)
	s.shared(1)
	s.lines = s.lines[:len(s.lines)-1] // not done
	s.end(End{Why: "it was interrupted", Lost: 2})
	doc := open(t, s)
	if n := doc.Result.Sizes[0].Rows[1].Numbers["processes"].Turns; n != 2 {
		t.Errorf("%d turns, want the 2 that were done", n)
	}
	for _, want := range []string{"INVALID: the run did not end: it was interrupted\n", "INVALID: 2 records of requests were lost\n"} {
		if !strings.Contains(doc.Table(), want) {
			t.Errorf("the table does not say %q", want)
		}
	}
	s.lines = s.lines[:whole]
	if table := open(t, s).Table(); !strings.Contains(table, "INVALID: the run was killed") {
		t.Errorf("a killed run:\n%s", table)
	}
}

// TestTable: the same bytes for the same record, and none wider than a terminal.
func TestTable(t *testing.T) {
	doc := open(t, told().end(End{}))
	golden(t, "table.txt", []byte(doc.Table()))
	for line := range strings.Lines(doc.Table()) {
		if len([]rune(line)) > 121 {
			t.Errorf("wider than 120: %s", line)
		}
	}
	text, err := doc.JSON()
	if err != nil {
		t.Fatal(err)
	}
	golden(t, "result.json", text)
	again := open(t, told().end(End{}))
	if again.Table() != doc.Table() {
		t.Error("the same record makes another table")
	}
}

func golden(t *testing.T, name string, got []byte) {
	t.Helper()
	path := filepath.Join("testdata", name)
	if *update {
		if err := os.WriteFile(path, got, 0o644); err != nil {
			t.Fatal(err)
		}
	}
	want, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	if d := cmp.Diff(string(want), string(got)); d != "" {
		t.Errorf("%s (go test ./bench/cost -update rewrites it):\n%s", path, d)
	}
}

// TestColumns: each column shows a number that there is, and the page defines each
// number.
func TestColumns(t *testing.T) {
	page, err := os.ReadFile("../../docs/bench-isolation.md")
	if err != nil {
		t.Fatal(err)
	}
	names := make(map[string]bool)
	for _, m := range metrics {
		names[m.name] = true
		if !strings.Contains(string(page), "`"+m.name+"`") {
			t.Errorf("docs/bench-isolation.md does not define %s", m.name)
		}
	}
	for _, columns := range tables {
		for _, c := range columns {
			if !names[c.metric] {
				t.Errorf("column %s %s shows %s, which there is not", c.over, c.head, c.metric)
			}
		}
	}
}

// text is a record as it is in a file.
func (s *story) text(t testing.TB) []byte {
	var b bytes.Buffer
	for _, l := range s.lines {
		line, err := json.Marshal(l)
		if err != nil {
			t.Fatal(err)
		}
		b.Write(append(line, '\n'))
	}
	return b.Bytes()
}

func TestReadIsStrict(t *testing.T) {
	good := string(told().end(End{}).text(t))
	for _, c := range []struct{ name, old, new, want string }{
		{"schema", Schema, "bulkhead.cost/v9", `schema "bulkhead.cost/v9"`},
		{"unknown key", `{"turn":`, `{"tern":1,"turn":`, "unknown field"},
		{"unknown key", `"turn":{`, `"turn":{"x":1,`, "unknown field"},
		{"isolation", `"isolation":"shared"`, `"isolation":"apart"`, "apart in round 0 was not planned"},
		{"round", `"round":1`, `"round":2`, "round 2 was not planned"},
		{"size", `"size":{"pods":4`, `"size":{"pods":5`, "5 pods were not planned"},
		{"negative", `"pss":4194304`, `"pss":-4194304`, "-4194304 is outside"},
		{"huge", `"pss":4194304`, `"pss":4194304000000000000`, "is outside"},
		{"two things", `"done":true`, `"done":true,"end":{}`, "2 things in one line"},
		{"nothing", `,"done":true`, ``, "0 things in one line"},
		{"flow", `"flows":["reused"`, `"flows":["used"`, `flow of kind "used"`},
		{"after the end", "\"end\":{}}\n", "\"end\":{}}\n{\"at\":9000000000000000,\"done\":true}\n", "a line after the end"},
		{"order", `"at":3600000000000,`, `"at":1600000000000000,`, "time 3601000000000 after"},
	} {
		bad := strings.Replace(good, c.old, c.new, 1)
		if c.old != "" && bad == good && c.name != "unknown key" {
			t.Errorf("%s: %q is not in the record", c.name, c.old)
			continue
		}
		if bad == good {
			continue
		}
		if _, err := Read(strings.NewReader(bad)); err == nil || !strings.Contains(err.Error(), c.want) {
			t.Errorf("%s: %v, want %q", c.name, err, c.want)
		}
	}
	for _, bad := range []string{"", "{}", "[]", "null", `{"at":1,"done":true}`} {
		if _, err := Read(strings.NewReader(bad)); err == nil {
			t.Errorf("%q is accepted", bad)
		}
	}
}

// FuzzRead: no record makes a reader or the judge panic, and what passes once passes
// again.
func FuzzRead(f *testing.F) {
	f.Add(told().end(End{}).text(f))
	f.Add(told().text(f))
	requests := told().requests
	f.Fuzz(func(t *testing.T, b []byte) {
		lines, err := Read(bytes.NewReader(b))
		if err != nil {
			return
		}
		doc := &Document{lines[0].Run, Judge(lines, requests)}
		doc.Table()
		if _, err := doc.JSON(); err != nil {
			t.Errorf("no JSON: %v", err)
		}
		again, err := Read(bytes.NewReader((&story{lines: lines}).text(t)))
		if err != nil || len(again) != len(lines) {
			t.Errorf("%d lines, then %d: %v", len(lines), len(again), err)
		}
	})
}

func TestSpread(t *testing.T) {
	for _, c := range []struct {
		xs   []float64
		want Spread
	}{
		{[]float64{3}, Spread{3, 3, 3, 1}}, {[]float64{4, 1}, Spread{2.5, 1, 4, 2}}, {[]float64{9, 1, 2}, Spread{2, 1, 9, 3}},
	} {
		if got := spreadOf(c.xs); *got != c.want {
			t.Errorf("%v: %+v, want %+v", c.xs, *got, c.want)
		}
	}
	if spreadOf(nil) != nil {
		t.Error("nothing has a median")
	}
}

package verdict

import (
	"encoding/json"
	"errors"
	"flag"
	"io"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"golang.org/x/perf/benchfmt"
)

var update = flag.Bool("update", false, "write what testdata should hold")

// shown is a run with all subjects that is always the same.
func shown() *Document {
	s := story{
		rounds: 9, machine: 0.15, own: 0.05, draw: seeded(1),
		subjects: []string{Bulkhead, BulkheadPoolOff, "direct", Splice, "x/net/http2", "nginx", "nginx-tuned", "haproxy", "haproxy-tuned", BulkheadQUIC, PlainQUIC},
		factor: func(row, subject, metric string) float64 {
			factor := map[string]float64{Bulkhead: 0.7, Splice: 0.25, "direct": 0.2, "nginx-tuned": 0.95}[subject]
			if row == New && subject == Bulkhead {
				factor = 0.18
			}
			if factor == 0 {
				factor = 1
			}
			if better(metric) == More {
				return 1 / factor
			}
			return factor
		},
	}
	d := s.tell()
	d.End.Notes = []string{"the noise floor: 3 µs"}
	return d
}

func TestTable(t *testing.T) {
	got := shown().Table()
	for line := range strings.Lines(got) {
		if n := len([]rune(strings.TrimSpace(line))); n > 100 {
			t.Errorf("%d columns: %s", n, line)
		}
	}
	file := filepath.Join("testdata", "table.txt")
	if *update {
		if err := os.WriteFile(file, []byte(got), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	want, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(string(want), got); diff != "" {
		t.Errorf("(-want +got); -update writes it:\n%s", diff)
	}
}

// TestRecomputed: what is shown of a saved record is what was shown of the run (I8).
func TestRecomputed(t *testing.T) {
	dir, d := t.TempDir(), shown()
	if err := d.Save(dir); err != nil {
		t.Fatal(err)
	}
	again, err := Open(dir)
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(d.Table()+d.Benchstat(), again.Table()+again.Benchstat()); diff != "" {
		t.Errorf("(-of the run +of the record):\n%s", diff)
	}
}

func TestJSON(t *testing.T) {
	b, err := shown().JSON()
	if err != nil {
		t.Fatal(err)
	}
	var got struct {
		Schema string
		Result struct {
			Rows []struct {
				Name, Metric, OnBar, OnGoal string
				Bar, Ratio                  float64
				Interval                    *Interval
			}
			Spreads []Spread
		}
	}
	if err := json.Unmarshal(b, &got); err != nil {
		t.Fatal(err)
	}
	if got.Schema != ResultSchema || len(got.Result.Rows) != len(Rows()) || len(got.Result.Spreads) == 0 {
		t.Fatalf("%+v", got)
	}
	for i, r := range got.Result.Rows {
		if r.Name != Rows()[i].Name || r.Bar != Rows()[i].Bar || r.OnBar == "" || r.Interval == nil || r.Ratio < r.Interval.Low || r.Ratio > r.Interval.Up {
			t.Errorf("%+v %+v", r, r.Interval)
		}
	}
}

// TestBenchstatReads has the package that benchstat reads with do it.
func TestBenchstatReads(t *testing.T) {
	d := shown()
	r := benchfmt.NewReader(strings.NewReader(d.Benchstat()), "record")
	lines, values := 0, 0
	for r.Scan() {
		switch rec := r.Result().(type) {
		case *benchfmt.SyntaxError:
			t.Error(rec)
		case *benchfmt.Result:
			lines++
			values += len(rec.Values)
			if lines > 1 {
				continue
			}
			if v, has := rec.Value(Throughput); !has || v != d.Samples[0].Value && v != d.Samples[1].Value {
				t.Errorf("%v MiB/s", v)
			}
			if name := rec.Name.String(); name != "Datapath/row=up1/subject=bulkhead" || rec.GetConfig("cpu") != d.CPU || rec.Iters != 1 {
				t.Errorf("%q, %+v", name, rec)
			}
		}
	}
	if err := r.Err(); err != nil && !errors.Is(err, io.EOF) {
		t.Fatal(err)
	}
	if want := d.Rounds * len(d.Subjects) * 8; lines != want || values != len(d.Samples) {
		t.Errorf("%d lines with %d values, want %d with %d", lines, values, want, len(d.Samples))
	}
	for _, m := range []string{Throughput, CPUPerGiB, BytesPerConn} {
		if u := r.Units().GetBetter(m); u != map[string]int{More: 1, Less: -1}[better(m)] {
			t.Errorf("%s: better is %d", m, u)
		}
	}
}

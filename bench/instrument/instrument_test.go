package instrument

import (
	"context"
	"errors"
	"io"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"go.uber.org/goleak"

	"github.com/bulkhead-mesh/bulkhead/bench/load"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// echo is a server at the far end of a path.
func echo(t *testing.T) string {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	ended := make(chan struct{})
	go func() {
		defer close(ended)
		for {
			c, err := l.Accept()
			if err != nil {
				return
			}
			go func() { defer c.Close(); _, _ = io.Copy(c, c) }()
		}
	}()
	t.Cleanup(func() { l.Close(); <-ended })
	return l.Addr().String()
}

// asks sends a word and waits for its echo, and says how long that took.
func asks(t *testing.T, address string) time.Duration {
	t.Helper()
	c, err := net.Dial("tcp", address)
	if err != nil {
		t.Fatal(err)
	}
	defer c.Close()
	begun := time.Now()
	if _, err := c.Write([]byte("word")); err != nil {
		t.Fatal(err)
	}
	if err := c.(*net.TCPConn).CloseWrite(); err != nil {
		t.Fatal(err)
	}
	said, err := io.ReadAll(c) // the end is carried as well
	if err != nil || string(said) != "word" {
		t.Fatalf("%q, %v", said, err)
	}
	return time.Since(begun)
}

// A path never takes less time than it says, on any machine.
func TestPathDelays(t *testing.T) {
	p := Path{To: echo(t), Delay: 10 * time.Millisecond, Slow: 60 * time.Millisecond, Nth: 3}
	err := through(t.Context(), p, func(address string) error {
		for i := range 6 {
			least := 20 * time.Millisecond
			if (i+1)%3 == 0 {
				least = 120 * time.Millisecond
			}
			if took := asks(t, address); took < least {
				t.Errorf("connection %d: %v, want %v at least", i+1, took, least)
			}
		}
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
}

func TestPathStallsAndPaces(t *testing.T) {
	r := &relay{Path: Path{Rate: 1 << 20, Stall: time.Second, StallsAt: 2 * time.Second}, begun: time.Now()}
	at := func(d time.Duration) time.Time { return r.begun.Add(d) }
	for due, want := range map[time.Duration]time.Duration{
		time.Second: time.Second, 2500 * time.Millisecond: 3 * time.Second, 3 * time.Second: 3 * time.Second,
	} {
		if got := r.stalled(at(due)); !got.Equal(at(want)) {
			t.Errorf("due after %v: arrives after %v, want %v", due, got.Sub(r.begun), want)
		}
	}
	first := r.paced(at(0), 1<<19)
	second := r.paced(at(0), 1<<19)
	later := r.paced(at(time.Minute), 1<<18)
	if first.Sub(r.begun) != time.Second/2 || second.Sub(r.begun) != time.Second || later.Sub(r.begun) != time.Minute+time.Second/4 {
		t.Errorf("1 MiB/s lets halves of it through at %v, %v, and a quarter at %v", first.Sub(r.begun), second.Sub(r.begun), later.Sub(r.begun))
	}
}

func TestParseWrk(t *testing.T) {
	r, err := parseWrk("Running 2s test\nbulkhead 300 2000000 0 50500 51000 201000\n")
	if err != nil || r != (requests{150, 50.5, 51, 201}) {
		t.Errorf("%+v, %v", r, err)
	}
	for _, bad := range []string{"", "bulkhead 1 2 3", "bulkhead 0 2000000 0 1 1 1", "bulkhead 300 2000000 4 1 1 1", "bulkhead 300 2000000 0 9 1 9", "bulkhead 300 2000000 0 1 9 1"} {
		if _, err := parseWrk(bad); err == nil {
			t.Errorf("%q was accepted", bad)
		}
	}
}

func TestParseIperf(t *testing.T) {
	r, err := parseIperf([]byte(`{"start":{},"end":{"sum_received":{"seconds":2,"bytes":41943040}}}`))
	if err != nil || r != 20 {
		t.Errorf("%v, %v", r, err)
	}
	for _, bad := range []string{"", "{}", `{"error":"unable to connect","end":{"sum_received":{"seconds":2,"bytes":1}}}`} {
		if _, err := parseIperf([]byte(bad)); err == nil {
			t.Errorf("%q was accepted", bad)
		}
	}
}

func FuzzParse(f *testing.F) {
	f.Add("bulkhead 300 2000000 0 50500 51000 201000")
	f.Add(`{"end":{"sum_received":{"seconds":2,"bytes":41943040}}}`)
	f.Fuzz(func(t *testing.T, out string) {
		if r, err := parseWrk(out); err == nil && !(r.perSecond > 0) {
			t.Errorf("%+v", r)
		}
		if r, err := parseIperf([]byte(out)); err == nil && !(r > 0) {
			t.Errorf("%v", r)
		}
	})
}

func TestSummed(t *testing.T) {
	var all []load.Record
	for i := range int64(100) { // a request each 10 ms; one answer is slow
		took := 2 * time.Millisecond
		if i >= 98 {
			took = 7 * time.Millisecond
		}
		all = append(all, load.Record{Planned: i * 10_000_000, Done: i*10_000_000 + int64(took)})
	}
	r, err := summed(all, 0, time.Second)
	if err != nil || r.median != 2 || r.p90 != 2 || r.p99 != 7 || r.perSecond != 100 {
		t.Errorf("%+v, %v", r, err)
	}
	all[5].Error = load.Refused
	if _, err := summed(all, 0, time.Second); err == nil {
		t.Error("a failure was accepted")
	}
	if _, err := summed(nil, 0, time.Second); err == nil {
		t.Error("nothing was accepted")
	}
}

func TestVerdict(t *testing.T) {
	r := &Result{Repeat: 3, Rows: []Row{
		{Workload: "w", What: "near", Tool: "wrk", Ours: []float64{1, 105, 900}, Theirs: []float64{100, 100, 100}, Judged: true},
		{Workload: "w", What: "far", Tool: "wrk", Ours: []float64{88, 89, 90}, Theirs: []float64{100, 100, 100}, Judged: true},
		{Workload: "v", What: "else", Tool: "wrk", Ours: []float64{500}, Theirs: []float64{100}},
	}}
	if all := r.Disagreements(); len(all) != 1 || all[0] != "w: far: -11.0 % against wrk" {
		t.Errorf("%v", all)
	}
	if table := r.Table(); strings.Count(table, "NOT within") != 1 || strings.Count(table, "not judged") != 1 {
		t.Errorf("%s", table)
	}
}

func TestMisuse(t *testing.T) {
	good := Options{Repeat: 1, For: time.Second}
	for _, o := range []Options{{Repeat: 0, For: time.Second}, {Repeat: 1, For: 1500 * time.Millisecond}, {Repeat: 1}} {
		var m *Misuse
		if err := o.Validate(); !errors.As(err, &m) {
			t.Errorf("%+v: %v", o, err)
		}
	}
	t.Setenv("PATH", t.TempDir())
	var m *Misuse
	if err := good.Validate(); !errors.As(err, &m) || !strings.Contains(err.Error(), "apt-get install") {
		t.Errorf("without the tools: %v", err)
	}
}

// TestCheckWithRealTools measures everything once, for a second each. Whether the numbers
// agree is a matter of a quiet machine: make instrument-check asks that.
func TestCheckWithRealTools(t *testing.T) {
	var missing *Misuse
	if err := (Options{Repeat: 1, For: time.Second}).Validate(); errors.As(err, &missing) {
		t.Skip(err)
	}
	bin := filepath.Join(t.TempDir(), "bulkhead")
	c := exec.Command("go", "build", "-o", bin, "../../cmd/bulkhead")
	c.Env = append(os.Environ(), "CGO_ENABLED=0")
	if out, err := c.CombinedOutput(); err != nil {
		t.Fatalf("go build: %v\n%s", err, out)
	}
	ctx, cancel := context.WithTimeout(t.Context(), 5*time.Minute) // fires on a hang only
	defer cancel()
	r, err := Check(ctx, Options{Bulkhead: bin, Repeat: 1, For: time.Second}, func(line string) { t.Log(line) })
	if err != nil {
		t.Fatal(err)
	}
	t.Logf("\n%s", r.Table())
	if len(r.Rows) != 13 {
		t.Errorf("%d rows, want 13", len(r.Rows))
	}
	for _, row := range r.Rows {
		if len(row.Ours) != 1 || len(row.Theirs) != 1 || !(row.Ours[0] > 0) || !(row.Theirs[0] > 0) {
			t.Errorf("%+v", row)
		}
	}
	// Whatever the machine: the path takes 100 ms there and back, for either tool.
	for _, row := range r.Rows {
		if row.What == "median latency" && (row.Ours[0] < 100 || row.Theirs[0] < 100) {
			t.Errorf("faster than the path: %+v", row)
		}
	}
}

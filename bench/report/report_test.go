package report

import (
	"encoding/json"
	"flag"
	"math/rand/v2"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"go.uber.org/goleak"

	"github.com/bulkhead-mesh/bulkhead/bench/load"
	"github.com/bulkhead-mesh/bulkhead/bench/measure"
	"github.com/bulkhead-mesh/bulkhead/bench/report/story"
)

var update = flag.Bool("update", false, "rewrite the golden files")

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

func read(t *testing.T, s *story.Story) *Document {
	t.Helper()
	dir, err := s.Write(t.TempDir())
	if err != nil {
		t.Fatal(err)
	}
	doc, err := Read(dir)
	if err != nil {
		t.Fatal(err)
	}
	return doc
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
		t.Errorf("%s (go test ./bench/report -update rewrites it):\n%s", path, d)
	}
}

// spoiled is a story with everything that a report has to say something about.
func spoiled() *story.Story {
	s := story.Told(1)
	s.Run.Lost = 2
	crash := &s.Run.Segments[3] // workload
	crash.Waiting, crash.Absence = []int{2}, 200*story.MS
	crash.Predicted = append([]int{20}, crash.Predicted[1:]...) // one that is not hit, and one hit that is not predicted
	null := s.Run.Segments[0]
	for i := range s.Records {
		r := &s.Records[i]
		after := r.Planned - null.TFault
		switch {
		case r.Flow == 28 && after >= 0 && after < 1500*story.MS, // sentinels: 15 void bins
			r.Flow == 9 && after >= 2*story.Sec && after < 2*story.Sec+300*story.MS: // a late hit without any fault
			r.Done = r.Planned + 130*story.MS
		case r.Flow == 5 && after >= 0 && after < 100*story.MS: // failures in void bins
			r.Error, r.Peer = load.Timeout, ""
		case r.Flow == 3 && r.Planned >= s.Run.Segments[5].TFault && r.Planned < s.Run.Segments[5].TEnd:
			r.Error, r.Peer = load.Refused, "" // never recovers
		}
	}
	return s
}

func TestGolden(t *testing.T) {
	golden(t, "usual.txt", []byte(read(t, story.Told(1)).Table()))
	golden(t, "repeats.txt", []byte(read(t, story.Told(3)).Table()))
	golden(t, "spoiled.txt", []byte(read(t, spoiled()).Table()))
	quiet := story.New()
	quiet.Run.Drill = measure.Null
	quiet.Segment("sidecar", measure.Null, nil, 0, nil)
	golden(t, "null.txt", []byte(read(t, quiet).Table()))
	empty := story.New()
	empty.Run.Aborted = "it was interrupted"
	golden(t, "aborted.txt", []byte(read(t, empty).Table()))
	b, err := read(t, quiet).JSON()
	if err != nil {
		t.Fatal(err)
	}
	golden(t, "null.json", b)
}

func TestTablesFitTheirWidth(t *testing.T) {
	files, err := filepath.Glob("testdata/*.txt")
	if err != nil || len(files) == 0 {
		t.Fatal("no golden tables", err)
	}
	for _, f := range files {
		b, err := os.ReadFile(f)
		if err != nil {
			t.Fatal(err)
		}
		for _, line := range strings.Split(string(b), "\n") {
			if len(line) > width {
				t.Errorf("%s: %d columns: %s", f, len(line), line)
			}
		}
	}
}

// I8: the same record gives the same bytes, in whatever order its lines are.
func TestTableIsAFunctionOfTheRecord(t *testing.T) {
	s := spoiled()
	want := read(t, s).Table()
	rand.New(rand.NewPCG(1, 0)).Shuffle(len(s.Records), func(i, j int) { s.Records[i], s.Records[j] = s.Records[j], s.Records[i] })
	if got := read(t, s).Table(); got != want {
		t.Fatal(cmp.Diff(want, got))
	}
}

func TestJSONSaysWhatTheTableSays(t *testing.T) {
	b, err := read(t, story.Told(1)).JSON()
	if err != nil {
		t.Fatal(err)
	}
	var doc struct {
		Schema string
		Result measure.Result
	}
	if err := json.Unmarshal(b, &doc); err != nil || doc.Schema != Schema {
		t.Fatalf("schema %q, error %v", doc.Schema, err)
	}
	hit := map[string]int{}
	for _, row := range doc.Result.Rows {
		hit[row.Subject] = len(doc.Result.Outcomes[row.Outcomes[0]].Hit)
	}
	// checkout has two edges; node-1 has ends of nine, two flows each.
	want := map[string]int{"sidecar": 4, "workload": 4, "shared (as ztunnel)": 18, "shared (custody on)": 18}
	if d := cmp.Diff(want, hit); d != "" {
		t.Error(d)
	}
}

func TestWrap(t *testing.T) {
	long := strings.Repeat("word ", 60)
	lines := wrap("label: ", long)
	if len(lines) != 3 || !strings.HasPrefix(lines[1], "       word") || strings.Join(strings.Fields(strings.Join(lines, " ")), " ") != "label: "+strings.TrimSpace(long) {
		t.Errorf("%q", lines)
	}
	if lines := wrap("a: ", ""); len(lines) != 1 || lines[0] != "a: " {
		t.Errorf("%q", lines)
	}
	for _, line := range wrap("", strings.Repeat("x", 300)+" y") {
		if line == "" {
			t.Error("a word that is too long makes an empty line")
		}
	}
}

func TestReadSaysThatThereIsNoRecord(t *testing.T) {
	if _, err := Read(t.TempDir()); err == nil || !strings.Contains(err.Error(), "holds no record") {
		t.Errorf("error %v", err)
	}
}

// What a drill was is said truly, of faults that this report has never heard of, too.
func TestTheHeadIsTrueOfAnyFault(t *testing.T) {
	r := story.New().Run
	for name, want := range map[string]string{
		"crash":     "crash of the data plane that serves tenant-a/checkout on node-1",
		"partition": "partition of node-1, where tenant-a/checkout is",
		"app-hog":   "app-hog; the culprit is tenant-a/checkout on node-1",
	} {
		if r.Drill = name; describe(r) != want {
			t.Errorf("%q, want %q", describe(r), want)
		}
	}
}

// A column says what carried the tunnels, where it was not HTTP/2 everywhere.
func TestTransportColumn(t *testing.T) {
	d := &Document{
		Run: &measure.Run{Subjects: []measure.Subject{
			{Name: "none", Isolation: "none"}, {Name: "shared", Isolation: "shared"}, {Name: "shared over QUIC", Isolation: "shared"},
		}},
		Result: &measure.Result{Rows: []measure.Row{{Subject: "none"}, {Subject: "shared"}, {Subject: "shared over QUIC"}}, Null: &measure.Row{}},
	}
	if head, rows := d.Grid(); len(head) != len(headings[0]) || len(rows[0]) != len(head) {
		t.Errorf("over HTTP/2 alone: %q, %q", head, rows)
	}
	d.Run.Subjects[2].Transport = measure.TransportQUIC
	head, rows := d.Grid()
	for i, want := range []string{"-", "HTTP/2", "QUIC", "-"} {
		if head[1] != "transport" || len(rows[i]) != len(head) || rows[i][1] != want {
			t.Errorf("%q: %q, want %s", head, rows[i], want)
		}
	}
}

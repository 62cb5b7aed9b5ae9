package measure

import (
	"bytes"
	"compress/gzip"
	"encoding/json"
	"errors"
	"math"
	"net/netip"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"

	"github.com/bulkhead-mesh/bulkhead/bench/load"
)

func write(t *testing.T, s *story) string {
	t.Helper()
	dir := t.TempDir()
	if err := WriteRun(dir, s.run); err != nil {
		t.Fatal(err)
	}
	w, err := NewRequestsWriter(dir)
	if err != nil {
		t.Fatal(err)
	}
	for _, r := range s.records {
		if err := w.Write(r); err != nil {
			t.Fatal(err)
		}
	}
	if err := w.Close(); err != nil {
		t.Fatal(err)
	}
	return dir
}

func TestRecordThereAndBack(t *testing.T) {
	s := busy(1)
	s.run.Segments[0].Usage = []Usage{{T: 1, Processes: []Process{{Name: "cell", Role: "cell", PID: 7, PSS: 1, Private: 2, CPU: 3}}}}
	s.run.Segments[0].Events = []Event{{T: 1, Name: "exit", Note: "cell"}}
	run, records, err := Read(write(t, s))
	if err != nil {
		t.Fatal(err)
	}
	if d := cmp.Diff(s.run, run, cmpopts.EquateComparable(netip.Addr{}, netip.AddrPort{})); d != "" {
		t.Error(d)
	}
	if d := cmp.Diff(s.records, records); d != "" {
		t.Error(d)
	}
}

// spoiled is run.json of a quiet story with one text replaced.
func spoiled(t *testing.T, old, with string) []byte {
	t.Helper()
	b, err := json.Marshal(newStory(Crash).run)
	if err != nil {
		t.Fatal(err)
	}
	if !bytes.Contains(b, []byte(old)) {
		t.Fatalf("run.json has no %s", old)
	}
	return bytes.Replace(b, []byte(old), []byte(with), 1)
}

func TestReadRunRefuses(t *testing.T) {
	for _, tc := range [][3]string{
		{`"seed":`, `"sead":1,"seed":`, `unknown field "sead"`},
		{`"culprit":"a/x"`, `"culprit":"a/y"`, "culprit"},
		{`"node":"n2"`, `"node":"n3"`, "unknown node"},
		{`"name":"b/y"`, `"name":"a/x"`, "given twice"},
		{`"id":1,`, `"id":0,`, "flow 0: given twice"},
		{`"kind":"reused"`, `"kind":"used"`, `kind "used"`},
		{`"client":"b/y"`, `"client":"b/q"`, "unknown workload"},
		{`"period":50000000`, `"period":0`, "period"},
		{`"subject":"shared"`, `"subject":"none"`, "unknown subject"},
		{`"tEnd":18000000000`, `"tEnd":1`, "times out of order"},
		{`"tEnd":18000000000`, `"tEnd":9000000000000000`, "longer than"},
		{`"predicted":[]`, `"predicted":[9]`, "flow 9"},
		{`"predicted":[]`, `"predicted":[5]`, "flow 5"},
		{`"absence":0`, `"absence":-1`, "absence"},
		{`"lost":0`, `"lost":-1`, "lost"},
	} {
		if _, err := ReadRun(bytes.NewReader(spoiled(t, tc[0], tc[1]))); err == nil || !strings.Contains(err.Error(), tc[2]) {
			t.Errorf("%s: error %v, want one about %q", tc[1], err, tc[2])
		}
	}
	good := spoiled(t, `{`, `{`)
	if _, err := ReadRun(bytes.NewReader(append(good, '{', '}'))); err == nil {
		t.Error("a second value was accepted")
	}
	var schema *SchemaError
	if _, err := ReadRun(strings.NewReader(`{"schema":"bulkhead.run/v2","new":1}`)); !errors.As(err, &schema) || schema.Found != "bulkhead.run/v2" {
		t.Errorf("error %v, want a SchemaError", err)
	}
}

func TestSegmentsMustNotOverlap(t *testing.T) {
	s := newStory(Crash)
	s.segment(Crash, sec)
	if err := s.run.Validate(); err == nil || !strings.Contains(err.Error(), "segment 1: begins before") {
		t.Errorf("error %v", err)
	}
}

func zipped(lines string) []byte {
	var b bytes.Buffer
	z := gzip.NewWriter(&b)
	z.Write([]byte(lines))
	z.Close()
	return b.Bytes()
}

func TestReadRequestsRefuses(t *testing.T) {
	good := `{"f":1,"n":2,"p":3,"s":4,"d":5}` + "\n"
	if all, err := ReadRequests(bytes.NewReader(zipped(good + good))); err != nil || len(all) != 2 {
		t.Fatalf("%v, %v", all, err)
	}
	for _, bad := range []string{
		`{"f":1,"n":2,"p":3,"s":4,"d":5,"x":6}`,
		`{"f":-1,"n":2,"p":3,"s":4,"d":5}`,
		`{"f":1,"n":-2,"p":3,"s":4,"d":5}`,
		`{"f":1,"n":-1,"p":3,"s":4,"d":5}`,
		`{"f":1,"n":2,"p":5,"s":4,"d":3}`,
		`{"event":"ready"}`,
		`nonsense`,
		``,
		strings.Repeat(" ", maxLine+1),
	} {
		if _, err := ReadRequests(bytes.NewReader(zipped(good + bad + "\n"))); err == nil || !strings.Contains(err.Error(), "line 2") && !strings.Contains(err.Error(), "after line 1") {
			t.Errorf("%.50s: error %v, want one about line 2", bad, err)
		}
	}
	whole := zipped(good)
	if _, err := ReadRequests(bytes.NewReader(whole[:len(whole)-4])); err == nil {
		t.Error("a stream that was cut short was accepted")
	}
}

func TestReadSaysWhatIsMissing(t *testing.T) {
	dir := t.TempDir()
	if _, _, err := Read(dir); err == nil || err.Error() != dir+" holds no record: it has no run.json" {
		t.Errorf("error %v", err)
	}
	dir = write(t, newStory(Crash))
	os.Remove(filepath.Join(dir, RequestsFile))
	if _, _, err := Read(dir); err == nil || err.Error() != dir+" holds no record: it has no requests.jsonl.gz" {
		t.Errorf("error %v", err)
	}
}

func TestWriteRunRefusesWhatCannotBeRead(t *testing.T) {
	s := newStory(Crash)
	s.run.Culprit = "nobody"
	dir := t.TempDir()
	if err := WriteRun(dir, s.run); err == nil {
		t.Error("accepted")
	}
	if entries, _ := os.ReadDir(dir); len(entries) != 0 {
		t.Errorf("left %v behind", entries)
	}
}

// FuzzReadRun reads run.json from any bytes. What is accepted must be judged
// without a panic and survive being written.
func FuzzReadRun(f *testing.F) {
	b, _ := json.Marshal(newStory(Crash).run)
	f.Add(b)
	f.Add([]byte(`{"schema":"bulkhead.run/v1"}`))
	s := newStory(Null)
	s.run.Segments[0].Usage = []Usage{{T: math.MaxInt64}, {T: math.MinInt64}}
	s.run.Segments[0].Waiting = []int{0}
	b, _ = json.Marshal(s.run)
	f.Add(b)
	records := newStory(Crash).records[:50]
	f.Fuzz(func(t *testing.T, data []byte) {
		run, err := ReadRun(bytes.NewReader(data))
		if err != nil {
			return
		}
		for _, rs := range [][]load.Record{nil, records} {
			if res, err := Judge(run, rs); err == nil && len(res.Outcomes) != len(run.Segments) {
				t.Fatalf("%d outcomes of %d segments", len(res.Outcomes), len(run.Segments))
			}
		}
		again, err := json.Marshal(run)
		if err != nil {
			t.Fatal(err)
		}
		if _, err := ReadRun(bytes.NewReader(again)); err != nil {
			t.Fatalf("what was read cannot be read again: %v", err)
		}
	})
}

// FuzzReadRequests reads requests.jsonl.gz from any bytes, and from any lines put
// into a good stream.
func FuzzReadRequests(f *testing.F) {
	f.Add([]byte(`{"f":1,"n":2,"p":3,"s":4,"d":5,"e":"reset","a":"10.0.0.1"}` + "\n"))
	f.Add([]byte(`{"f":1,"n":-1,"p":3,"s":3,"d":3,"e":"eof"}` + "\n"))
	f.Add(zipped("{}\n"))
	f.Fuzz(func(t *testing.T, data []byte) {
		for _, b := range [][]byte{data, zipped(string(data))} {
			all, err := ReadRequests(bytes.NewReader(b))
			if err != nil {
				continue
			}
			for _, r := range all {
				if r.Done < r.Planned || r.Seq < load.Break || r.Flow < 0 {
					t.Fatalf("accepted %+v", r)
				}
			}
		}
	})
}

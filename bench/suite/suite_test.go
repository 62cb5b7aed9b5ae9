package suite

import (
	"bytes"
	"encoding/json"
	"errors"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/bulkhead-mesh/bulkhead/bench/document"
	"github.com/bulkhead-mesh/bulkhead/bench/experiment"
)

func two() *Suite {
	e := experiment.Experiment{Name: "crash", Method: experiment.Method{Fault: "crash", For: experiment.Duration(4 * time.Second)}}
	return &Suite{
		Schema: Schema, ID: "x", Started: time.Unix(1700000000, 0).UTC(), Version: "v", Seed: 7, Command: "bulkhead drill run crash hang",
		Entries: []Entry{
			{Dir: "crash", Name: "crash", Experiment: e, About: About{Group: "process", Title: "kills"}, Status: Done},
			{Dir: "hang", Name: "hang", Status: NotRun, Why: "it was interrupted"},
		},
	}
}

func TestThereAndBack(t *testing.T) {
	dir := t.TempDir()
	if In(dir) {
		t.Error("a suite in an empty directory")
	}
	var none *document.NoRecordError
	if _, err := Read(dir); !errors.As(err, &none) {
		t.Errorf("an empty directory: %v", err)
	}
	if err := two().Write(dir); err != nil {
		t.Fatal(err)
	}
	got, err := Read(dir)
	if err != nil || !In(dir) {
		t.Fatal(err)
	}
	if d := cmp.Diff(two(), got); d != "" {
		t.Error(d)
	}
}

func TestStrict(t *testing.T) {
	for name, tc := range map[string]struct {
		spoil func(*Suite)
		want  string
	}{
		"schema":   {func(s *Suite) { s.Schema = "bulkhead.suite/v9" }, "v9"},
		"empty":    {func(s *Suite) { s.Entries = nil }, "0 entries"},
		"outside":  {func(s *Suite) { s.Entries[0].Dir = "../crash" }, "no name of a directory"},
		"itself":   {func(s *Suite) { s.Entries[0].Dir = "." }, "no name of a directory"},
		"twice":    {func(s *Suite) { s.Entries[0].Dir = "hang" }, "given twice"},
		"status":   {func(s *Suite) { s.Entries[0].Status = "fine" }, `"fine" is not known`},
		"done why": {func(s *Suite) { s.Entries[0].Why = "x" }, "says why not"},
	} {
		s := two()
		tc.spoil(s)
		if err := s.Write(t.TempDir()); err == nil || !strings.Contains(err.Error(), tc.want) {
			t.Errorf("%s: written: %v, want %q", name, err, tc.want)
		}
		b, _ := json.Marshal(s)
		if _, err := Decode(bytes.NewReader(b)); err == nil || !strings.Contains(err.Error(), tc.want) {
			t.Errorf("%s: read: %v, want %q", name, err, tc.want)
		}
	}
	b, _ := json.Marshal(two())
	for _, broken := range []string{
		strings.Replace(string(b), `"seed"`, `"sead"`, 1), string(b) + "{}", string(b[:len(b)-9]),
		strings.Replace(string(b), `"4s"`, `"4"`, 1),
	} {
		if _, err := Decode(strings.NewReader(broken)); err == nil {
			t.Errorf("read: %.80s", broken)
		}
	}
}

func FuzzDecode(f *testing.F) {
	b, _ := json.Marshal(two())
	f.Add(b)
	f.Add([]byte(`{"schema":"bulkhead.suite/v1","entries":[{"dir":"..","status":"done"}]}`))
	f.Fuzz(func(t *testing.T, b []byte) {
		s, err := Decode(bytes.NewReader(b))
		if err != nil {
			return
		}
		for _, e := range s.Entries {
			if strings.ContainsAny(e.Dir, "/") {
				t.Errorf("dir %q", e.Dir)
			}
		}
		if err := s.Write(t.TempDir()); err != nil {
			t.Errorf("it was read and is not written: %v", err)
		}
	})
}

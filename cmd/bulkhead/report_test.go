package main

import (
	"bytes"
	"encoding/json"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/bulkhead-mesh/bulkhead/bench/measure"
	"github.com/bulkhead-mesh/bulkhead/bench/report"
	"github.com/bulkhead-mesh/bulkhead/bench/report/story"
	"github.com/bulkhead-mesh/bulkhead/bench/suite"
)

// told writes the record of a run that never was below dir.
func told(t *testing.T, dir, name string) string {
	t.Helper()
	dir = filepath.Join(dir, name)
	if err := os.Mkdir(dir, 0o755); err != nil {
		t.Fatal(err)
	}
	if _, err := story.Told(1).Write(dir); err != nil {
		t.Fatal(err)
	}
	return dir
}

func content(t *testing.T, file string) string {
	t.Helper()
	b, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	return string(b)
}

// fine runs a command that must succeed.
func fine(t *testing.T, args ...string) string {
	t.Helper()
	out, sentence, code := try(args...)
	if code != 0 {
		t.Fatalf("%v: exit %d, %s", args, code, sentence)
	}
	return out
}

func TestReportForms(t *testing.T) {
	out := t.TempDir()
	dir := told(t, out, "crash")
	doc, err := report.Read(dir)
	if err != nil {
		t.Fatal(err)
	}
	if got := fine(t, "report", dir); !strings.HasPrefix(got, doc.Table()) || strings.Contains(got, pageFile) {
		t.Errorf("%s", got)
	}
	page := filepath.Join(dir, pageFile)
	if got := fine(t, "report", dir, "--html"); got != page+"\n" || !strings.HasPrefix(content(t, page), "<!doctype html>") {
		t.Errorf("%s", got)
	}
	if got := fine(t, "report", dir); !strings.HasSuffix(got, "page: "+page+"\n") {
		t.Errorf("it does not say where the page is: %s", got)
	}
	other, pictures := filepath.Join(out, "other.html"), filepath.Join(out, "pictures")
	if fine(t, "report", dir, "--html="+other, "--svg", pictures); content(t, other) != content(t, page) {
		t.Error("another page of the same record")
	}
	if !strings.HasPrefix(content(t, filepath.Join(pictures, "crash-sidecar.svg")), "<svg ") {
		t.Error("no picture")
	}
	if got := fine(t, "report", dir, "--md"); !strings.Contains(got, "| crash | 0 / 4, 5.2 s |") {
		t.Errorf("%s", got)
	}
	var printed bytes.Buffer
	if err := showRun(&printed, dir, false); err != nil || printed.String() != fine(t, "report", dir) {
		t.Fatalf("%v; a run prints\n%s", err, printed.String())
	}
	if got := fine(t, "report", "--json", dir); got != content(t, filepath.Join(dir, jsonFile)) {
		t.Error("another JSON of the same record")
	}
}

func TestReportOfASuite(t *testing.T) {
	dir := t.TempDir()
	told(t, dir, "crash")
	told(t, dir, "hang")
	s := &suite.Suite{Schema: suite.Schema, ID: "x", Seed: 7, Command: "bulkhead drill run --some", Aborted: "it was interrupted", Entries: []suite.Entry{
		{Dir: "crash", Name: "crash at noon", Status: suite.Done, About: suite.About{Incident: "a proxy died"}},
		{Dir: "hang", Name: "hang", Status: suite.Aborted, Why: "it was interrupted"},
		{Dir: "oom", Name: "oom", Status: suite.Running},
		{Dir: "flap", Name: "flap", Status: suite.NotRun, Why: "it was interrupted"},
	}}
	if err := s.Write(dir); err != nil {
		t.Fatal(err)
	}
	for _, form := range []string{"", "--md"} {
		if got := fine(t, strings.Fields("report "+dir+" "+form)...); !strings.Contains(got, "crash at noon") || !strings.Contains(got, "hang") {
			t.Errorf("%s: %s", form, got)
		}
	}
	fine(t, "report", dir, "--html")
	page := content(t, filepath.Join(dir, pageFile))
	for _, want := range []string{"crash at noon", "a proxy died", "bulkhead drill run --some", "flap: not run: it was interrupted."} {
		if !strings.Contains(page, want) {
			t.Errorf("the page does not say %q", want)
		}
	}
	var all []struct{ Schema string }
	if err := json.Unmarshal([]byte(fine(t, "report", "--json", dir)), &all); err != nil || len(all) != 2 || all[1].Schema != report.Schema {
		t.Errorf("%v %v", all, err)
	}
	told(t, dir, "oom")
	requests := filepath.Join(dir, "oom", measure.RequestsFile)
	if err := os.Truncate(requests, int64(len(content(t, requests))/2)); err != nil {
		t.Fatal(err)
	}
	if got := fine(t, "report", dir); !strings.Contains(got, "crash at noon") || !strings.Contains(got, "oom is left out: its record was cut after") {
		t.Errorf("with a drill that was cut: %s", got)
	}
	if _, sentence, code := try("report", filepath.Join(dir, "oom")); code != exitMisuse || !strings.Contains(sentence, "run the drill again") {
		t.Errorf("a drill that was cut: exit %d, %s", code, sentence)
	}
	if err := os.RemoveAll(filepath.Join(dir, "oom")); err != nil {
		t.Fatal(err)
	}
	s.Entries[2].Status = suite.Done
	if err := s.Write(dir); err != nil {
		t.Fatal(err)
	}
	if _, sentence, code := try("report", dir); code != exitMisuse || !strings.Contains(sentence, "oom holds no record") {
		t.Errorf("a record that should be there: exit %d, %s", code, sentence)
	}
}

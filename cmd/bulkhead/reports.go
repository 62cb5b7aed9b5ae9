package main

import (
	"bytes"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"

	"github.com/bulkhead-mesh/bulkhead/bench/cost"
	"github.com/bulkhead-mesh/bulkhead/bench/datapath/verdict"
	"github.com/bulkhead-mesh/bulkhead/bench/document"
	"github.com/bulkhead-mesh/bulkhead/bench/measure"
	"github.com/bulkhead-mesh/bulkhead/bench/report"
	"github.com/bulkhead-mesh/bulkhead/bench/schedule"
	"github.com/bulkhead-mesh/bulkhead/bench/suite"
	"github.com/bulkhead-mesh/bulkhead/bench/trust"
	"github.com/bulkhead-mesh/bulkhead/bench/web"
)

// Names of the reports that a run leaves beside its record.
const (
	pageFile = "report.html"
	jsonFile = "report.json"
)

// reports are the records of some directories, judged.
type reports struct {
	web  web.Records
	all  []judged // in the order of the directories
	dirs []string
}

// judged is a record with what was made of it.
type judged interface {
	Table() string
	JSON() ([]byte, error)
}

// readReports reads any kind of record: of a drill, of a suite of them, of keys, of a bench.
func readReports(dirs []string) (*reports, error) {
	r := &reports{}
	for _, dir := range dirs {
		dir = filepath.Clean(dir)
		r.dirs = append(r.dirs, dir)
		read := r.record
		if suite.In(dir) {
			read = r.suite
		}
		if err := read(dir); err != nil {
			return nil, err
		}
	}
	return r, nil
}

// record adds one that is no suite.
func (r *reports) record(dir string) error {
	e, err := schedule.Kept(dir)
	if err != nil { // a record from before there were experiments
		return r.named(dir, web.Drill{}, "")
	}
	d := web.Drill{About: aboutOf(schedule.About(e))}
	if !e.OfFlags() {
		d.File = schedule.File
	}
	return r.named(dir, d, e.Name)
}

// aboutOf is what a page says of a drill.
func aboutOf(a suite.About) web.About {
	return web.About{Title: a.Title, Incident: a.Incident, Source: a.Source, Expect: a.Expect, Look: a.Look}
}

// named adds a record. If it is of a drill, d says what the record does not.
func (r *reports) named(dir string, d web.Drill, name string) error {
	switch {
	case trust.In(dir):
		res, err := trustIn(dir)
		if err != nil {
			return err
		}
		r.web.Trust, r.all = append(r.web.Trust, res), append(r.all, res)
	case cost.In(dir):
		doc, err := cost.Open(dir)
		if err != nil {
			return err
		}
		r.web.Benches, r.all = append(r.web.Benches, web.Table{Title: filepath.Base(dir), Text: doc.Table()}), append(r.all, doc)
	case verdict.In(dir):
		doc, err := verdict.Open(dir)
		if err != nil {
			return err
		}
		r.web.Benches, r.all = append(r.web.Benches, web.Table{Title: filepath.Base(dir), Text: doc.Table()}), append(r.all, doc)
	default:
		doc, err := report.Read(dir)
		if err != nil {
			return err
		}
		doc.Name, d.Document = name, doc
		r.web.Drills, r.all = append(r.web.Drills, d), append(r.all, doc)
	}
	return nil
}

// suite adds what a suite has recorded, and says what it has not.
func (r *reports) suite(dir string) error {
	s, err := suite.Read(dir)
	if err != nil {
		return err
	}
	r.web.Command = s.Command
	if s.Aborted != "" {
		r.web.Caveats = append(r.web.Caveats, "The suite did not go through all of its drills: "+s.Aborted+".")
	}
	for _, e := range s.Entries {
		if e.Status != suite.Done {
			r.web.Caveats = append(r.web.Caveats, strings.TrimRight(fmt.Sprintf("%s: %s: %s", e.Name, e.Status, e.Why), ": ")+".")
		}
		if !e.Recorded() {
			continue
		}
		err := r.named(filepath.Join(dir, e.Dir), web.Drill{About: aboutOf(e.About)}, e.Name)
		var none *document.NoRecordError
		if errors.As(err, &none) && e.Status != suite.Done {
			continue // it ended before it could leave one
		}
		var cut *measure.CutError
		if errors.As(err, &cut) && e.Status != suite.Done {
			r.web.Caveats = append(r.web.Caveats, fmt.Sprintf("%s is left out: its record was cut after %d lines.", e.Name, cut.Lines))
			continue
		}
		if err != nil {
			return err
		}
	}
	return nil
}

// text is that of one record as it always was, of several their summary.
func (r *reports) text() string {
	var b strings.Builder
	if len(r.all) == 1 {
		b.WriteString(r.all[0].Table())
	} else {
		var docs []*report.Document
		for _, d := range r.web.Drills {
			docs = append(docs, d.Document)
		}
		b.WriteString(report.Summary(docs...))
		for _, t := range r.web.Trust {
			b.WriteString("\n" + t.Table())
		}
		for _, t := range r.web.Benches {
			b.WriteString("\n" + t.Text)
		}
	}
	for _, c := range r.web.Caveats {
		b.WriteString(c + "\n")
	}
	dirs := strings.Join(r.dirs, " ")
	fmt.Fprintf(&b, "record: %s (bulkhead report %s prints this table again)\n", dirs, dirs)
	for _, dir := range r.dirs {
		b.WriteString(pageOf(dir))
	}
	return b.String()
}

// json is that of one record as it always was, of several a list.
func (r *reports) json() ([]byte, error) {
	var documents [][]byte
	for _, j := range r.all {
		b, err := j.JSON()
		if err != nil {
			return nil, err
		}
		documents = append(documents, b)
	}
	if len(documents) == 1 {
		return documents[0], nil
	}
	return report.List(documents)
}

// benchmarks are the samples of all records, which must be of bench datapath.
func (r *reports) benchmarks() ([]byte, error) {
	var b bytes.Buffer
	for i, j := range r.all {
		d, is := j.(*verdict.Document)
		if !is {
			return nil, usageError{fmt.Errorf("--benchstat: %s is no record of bench datapath", r.dirs[min(i, len(r.dirs)-1)])}
		}
		b.WriteString(d.Benchstat())
	}
	return b.Bytes(), nil
}

// page writes report.html.
func (r *reports) page(file string) error {
	var b bytes.Buffer
	if err := web.Page(&b, r.web); err != nil {
		return err
	}
	return writeReport(file, b.Bytes())
}

// pictures writes an SVG of each strip.
func (r *reports) pictures(dir string) error {
	if err := os.MkdirAll(dir, 0o755); err != nil {
		return usageError{fmt.Errorf("--svg: %w", err)}
	}
	for _, p := range web.Pictures(r.web) {
		if err := writeReport(filepath.Join(dir, p.Name), []byte(p.SVG)); err != nil {
			return err
		}
	}
	return nil
}

// writeReport writes a file whole or not at all.
func writeReport(file string, text []byte) error {
	err := os.WriteFile(file+".tmp", text, 0o644)
	if err == nil {
		err = os.Rename(file+".tmp", file)
	}
	if err != nil {
		return usageError{fmt.Errorf("report: %w", err)}
	}
	return nil
}

// leave writes the page and the JSON of a run beside its record.
func (r *reports) leave() error {
	dir := r.dirs[0]
	b, err := r.json()
	if err != nil {
		return err
	}
	if err := writeReport(filepath.Join(dir, jsonFile), b); err != nil {
		return err
	}
	return r.page(filepath.Join(dir, pageFile))
}

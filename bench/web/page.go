package web

import (
	_ "embed"
	"fmt"
	"html/template"
	"io"
	"slices"

	"github.com/bulkhead-mesh/bulkhead/bench/measure"
	"github.com/bulkhead-mesh/bulkhead/bench/report"
)

//go:embed page.html
var pageText string

//go:embed page.css
var pageStyle string

//go:embed page.js
var pageScript string

var pageTemplate = template.Must(template.New("page").Parse(pageText))

// Page writes the whole report.
func Page(w io.Writer, r Records) error { return pageTemplate.Execute(w, newPage(r)) }

// page is what the template shows.
type page struct {
	Style     template.CSS
	Script    template.JS
	Title     string
	Question  string
	Answer    string
	Invalid   []invalid
	Findings  []finding
	Grave     int // of them
	Ungrave   int
	Verdicts  []verdict
	Subjects  []string
	Matrix    []line
	Drills    []drill
	Scatters  []template.HTML
	Common    int // drills that the scatters add up
	Trust     []trustView
	Benches   []Table
	Method    []method
	Commands  []string
	Caveats   []string
	Machines  []string
	Words     []term
	OneRecord bool
}

// invalid says why numbers must not be used.
type invalid struct{ Drill, Why string }

func newPage(r Records) *page {
	m := report.NewMatrix(r.docs())
	anchors := anchorsOf(r.docs())
	p := &page{
		Style: template.CSS(stripStyle + pageStyle), Script: template.JS(pageScript), // both are ours
		Findings: findings(r, anchors), Subjects: m.Subjects, Matrix: lines(m, anchors), Verdicts: verdicts(m), Answer: answer(m),
		Trust: trustViews(r.Trust), Benches: r.Benches, Caveats: r.Caveats, Words: words, OneRecord: len(r.Drills) == 1,
	}
	p.Title, p.Question = titles(r)
	for _, f := range p.Findings {
		if f.Grave {
			p.Grave++
		} else {
			p.Ungrave++
		}
	}
	for i, d := range r.Drills {
		for _, why := range d.Result.Invalid {
			p.Invalid = append(p.Invalid, invalid{d.Title(), why})
		}
		p.Drills = append(p.Drills, newDrill(d, anchors[i], i))
		p.Method = append(p.Method, newMethod(d.Document))
	}
	for _, s := range scatters(m) {
		p.Scatters = append(p.Scatters, template.HTML(s)) // by a pen, which escapes
	}
	if len(m.Subjects) > 0 {
		_, p.Common = suffered(m, usualSubjects(m), 0)
	}
	p.Commands, p.Machines = commands(r), machines(r)
	return p
}

// titles are the name of the page and what it asks.
func titles(r Records) (title, question string) {
	if len(r.Drills) == 1 {
		d := r.Drills[0]
		if d.Run.Drill == measure.Null {
			return "null", "What does a drill show where nothing is wrong?"
		}
		return d.Title(), d.Title() + ": how far does it reach?"
	}
	if len(r.Drills) == 0 && len(r.Trust) == 0 && len(r.Benches) == 1 {
		return r.Benches[0].Title, "What does it cost, and what does it reach?"
	}
	if len(r.Drills) == 0 && len(r.Trust) > 0 {
		return "key-theft", "What does one stolen process of the data plane expose?"
	}
	return count(len(r.Drills), "drill"), "What does sharing a proxy save, and what does it put at risk?"
}

func anchorsOf(docs []*report.Document) (all []string) {
	taken := map[string]bool{}
	for _, d := range docs {
		all = append(all, unique(taken, "drill-"+fileName(d.Title())))
	}
	return all
}

// commands repeat what is shown.
func commands(r Records) (all []string) {
	if r.Command != "" {
		return []string{r.Command}
	}
	for _, d := range r.Drills {
		if d.File != "" {
			all = append(all, fmt.Sprintf("bulkhead drill run %s  # in the directory of the record %q, wherever it lies", quoted(d.File), d.Run.ID))
			continue
		}
		all = append(all, command(d.Run))
	}
	for _, t := range r.Trust {
		all = append(all, theft(t.Record))
	}
	return slices.Compact(all)
}

// machines are where the records come from; usually one.
func machines(r Records) (all []string) {
	for _, d := range r.Drills {
		all = append(all, fmt.Sprintf("%s; bulkhead %s", machine(d.Run.Host), d.Run.Version))
	}
	for _, t := range r.Trust {
		all = append(all, fmt.Sprintf("%s; bulkhead %s", machine(measure.Host(t.Record.Host)), t.Record.Version))
	}
	slices.Sort(all)
	return slices.Compact(all)
}

package web

import (
	"fmt"
	"html/template"
	"slices"

	"github.com/bulkhead-mesh/bulkhead/bench/measure"
	"github.com/bulkhead-mesh/bulkhead/bench/report"
)

// drill is the section of one record.
type drill struct {
	Name, Anchor, Says, Does, Setting, When string
	About                                   About
	Invalid                                 []string
	Strip                                   template.HTML
	Repeats                                 bool
	Head                                    []string
	Rows                                    [][]string
	Triage                                  triaged
	Spreads                                 []spread
	Alternative                             []bandText
	Prediction                              string
	Deviations                              []deviation
	Text                                    string // the table of the terminal, with all that belongs to it
}

// triaged is what an operator's tool said; Rows are empty where none watched.
type triaged struct {
	Head        []string
	Rows        [][]string
	FalseAlarms string
}

// spread is a figure that differed between repeats.
type spread struct{ Subject, Figure, Median, Range, Interval string }

// bandText is a band in words.
type bandText struct {
	Subject, Sum string
	Rows         []rowText
	Quiet        []string // workloads that nothing happened to
}

type rowText struct{ Workload, Node, Predicted, New, Reused string }

// deviation is a difference from the prediction, with what the record has about it.
type deviation struct{ Where, Flow, What, Why string }

func newDrill(of Drill, anchor string, n int) drill {
	d := of.Document
	p := newPicture(d, "")
	v := drill{Name: d.Title(), About: of.About, Anchor: anchor, When: d.Run.Started.UTC().Format("2006-01-02 15:04 UTC"),
		Invalid: d.Result.Invalid, Text: d.Table()}
	v.Does, v.Setting = d.Heading()
	if d.Title() != d.Run.Drill { // its author's words come first
		v.Says = of.About.Title
	}
	v.Head, v.Rows = d.Grid()
	v.Triage = triaged{report.TriageHead, d.TriageRows(), d.FalseAlarms()}
	v.Spreads, v.Repeats = spreads(d), slices.ContainsFunc(p.bands, func(b band) bool { return b.repeats > 1 })
	v.Prediction, v.Deviations = prediction(d)
	if len(p.bands) > 0 {
		v.Strip = template.HTML(p.svg(fmt.Sprintf("s%d", n), false)) // by a pen, which escapes
	}
	for i := range p.bands {
		v.Alternative = append(v.Alternative, p.bands[i].text())
	}
	return v
}

// text is the band for those who do not look at it.
func (b *band) text() bandText {
	t := bandText{Subject: b.subject, Sum: b.sum()}
	if b.outcome.Skipped != "" {
		t.Sum = "did not strike here: " + b.outcome.Skipped
		return t
	}
	for i := range b.rows {
		r := &b.rows[i]
		fresh, reused := r.lanes[0].describe(r.first), r.lanes[1].describe(r.first)
		if !r.hit && !r.must && !r.may && !r.culprit && !disturbed(r) {
			t.Quiet = append(t.Quiet, r.name)
			continue
		}
		text := rowText{r.name, r.node, "no", fresh, reused}
		switch {
		case r.must:
			text.Predicted = "yes"
		case r.may:
			text.Predicted = "may be"
		}
		if r.culprit {
			text.Workload += " (culprit)"
		}
		t.Rows = append(t.Rows, text)
	}
	return t
}

func disturbed(r *row) bool {
	return slices.ContainsFunc(r.lanes[:], func(l lane) bool {
		return slices.ContainsFunc(l, func(g measure.Grade) bool { return word(g) != "" })
	})
}

func spreads(d *report.Document) (all []spread) {
	for _, row := range d.Result.Rows {
		for _, s := range row.Spreads {
			if s.Interval() && s.Min != s.Max {
				all = append(all, spread{row.Subject, s.Figure, fmt.Sprintf("%.4g %s", s.Median, s.Unit),
					fmt.Sprintf("%.4g to %.4g", s.Min, s.Max), fmt.Sprintf("%.4g to %.4g", s.Low, s.Up)})
			}
		}
	}
	return all
}

// prediction says how often exactly the predicted flows were hit.
func prediction(d *report.Document) (said string, all []deviation) {
	exact, struck, open := 0, 0, ""
	for i := range d.Result.Outcomes {
		o := &d.Result.Outcomes[i]
		if o.Kind == d.Run.Drill && o.Skipped == "" {
			struck++
			if len(o.May) > 0 {
				open = ", but for those that may be hit"
			}
			if len(o.Deviations) == 0 {
				exact++
			}
		}
		for _, dev := range o.Deviations {
			what := "hit, not predicted"
			if dev.Predicted {
				what = "predicted, not hit"
			}
			where := o.Subject
			if o.Kind != d.Run.Drill {
				where += ", " + o.Kind
			}
			if o.Repeat > 0 {
				where += fmt.Sprintf(", repeat %d", o.Repeat+1)
			}
			all = append(all, deviation{where, flowName(d.Run, dev.Flow), what, dev.Explanation})
		}
	}
	return fmt.Sprintf("The hit flows equal the predicted ones in %d of %d%s.", exact, struck, open), all
}

func flowName(r *measure.Run, id int) string {
	for _, f := range r.Flows {
		if f.ID == id {
			return fmt.Sprintf("%d, %s: %s → %s", id, f.Kind, f.Client, f.Server)
		}
	}
	return fmt.Sprint(id)
}

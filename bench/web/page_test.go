package web

import (
	"bytes"
	"fmt"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"

	"golang.org/x/net/html"

	"github.com/bulkhead-mesh/bulkhead/bench/measure"
	"github.com/bulkhead-mesh/bulkhead/bench/report"
	"github.com/bulkhead-mesh/bulkhead/bench/report/story"
)

func parse(t *testing.T, page []byte) *html.Node {
	t.Helper()
	n, err := html.Parse(bytes.NewReader(page))
	if err != nil {
		t.Fatal(err)
	}
	return n
}

// every calls do for each element of a page.
func every(n *html.Node, do func(*html.Node)) {
	for d := range n.Descendants() {
		if d.Type == html.ElementNode {
			do(d)
		}
	}
}

func attribute(n *html.Node, name string) string {
	for _, a := range n.Attr {
		if a.Key == name {
			return a.Val
		}
	}
	return ""
}

func textOf(n *html.Node) string {
	var b strings.Builder
	for d := range n.Descendants() {
		if d.Type == html.TextNode {
			b.WriteString(d.Data + " ")
		}
	}
	return strings.Join(strings.Fields(b.String()), " ")
}

// Nothing outside of the page is referred to, and every reference inside leads somewhere.
func TestPageStandsAlone(t *testing.T) {
	page := pageOf(t, suite(t))
	ids, links := map[string]bool{}, []string{}
	every(parse(t, page), func(n *html.Node) {
		if id := attribute(n, "id"); id != "" {
			if ids[id] {
				t.Errorf("id %q is there twice", id)
			}
			ids[id] = true
		}
		for _, a := range n.Attr {
			switch {
			case a.Key == "src", a.Key == "srcset", a.Key == "action", a.Key == "data", strings.HasPrefix(a.Key, "on"):
				t.Errorf("<%s %s=%q>", n.Data, a.Key, a.Val)
			case a.Key == "href" && n.Data == "link" && a.Val == "data:,": // no icon: a browser would ask for one
			case a.Key == "href" && !strings.HasPrefix(a.Val, "#"):
				t.Errorf("<%s href=%q> leads out of the page", n.Data, a.Val)
			case a.Key == "href":
				links = append(links, a.Val[1:])
			case a.Key == "aria-labelledby":
				links = append(links, strings.Fields(a.Val)...)
			}
		}
	})
	for _, link := range links {
		if !ids[link] {
			t.Errorf("#%s leads nowhere", link)
		}
	}
	for _, m := range regexp.MustCompile(`url\(([^)]*)\)`).FindAllSubmatch(page, -1) {
		if id, inside := strings.CutPrefix(string(m[1]), "#"); !inside || !ids[id] {
			t.Errorf("%s", m[0])
		}
	}
	if bytes.Contains(page, []byte("@import")) || len(links) == 0 {
		t.Error("it imports something, or has no links")
	}
}

// What triage said of a drill is a table of the page, and its words are explained there.
func TestPageSaysWhatTriageSaid(t *testing.T) {
	d := read(t, story.Told(1))
	d.Result.Triage = []measure.Triage{{Subject: d.Result.Rows[0].Subject, Kind: d.Run.Drill, Scored: true, Named: true, After: 1500 * time.Millisecond, Commands: 7, Hit: []string{"a"}}}
	page := parse(t, pageOf(t, Records{Drills: []Drill{d}}))
	cells, words := map[string]bool{}, map[string]bool{}
	every(page, func(n *html.Node) {
		switch n.Data {
		case "th", "td":
			cells[textOf(n)] = true
		case "dt":
			words[textOf(n)] = true
		}
	})
	for _, want := range []string{"commands", "1 of 1", "1.5 s", "7"} {
		if !cells[want] {
			t.Errorf("no %q in a table", want)
		}
	}
	for _, want := range []string{"commands", "CPUs full"} {
		if !words[want] {
			t.Errorf("%q is not explained", want)
		}
	}
}

// Who sees no picture, and who has no mouse.
func TestPageForEverybody(t *testing.T) {
	pictures, tables, boxes := 0, 0, 0
	every(parse(t, pageOf(t, suite(t))), func(n *html.Node) {
		switch {
		case n.Data == "svg":
			pictures++
			if attribute(n, "role") != "img" || attribute(n, "aria-labelledby") == "" {
				t.Error("a picture has no name")
			}
		case n.Data == "table":
			tables++
			if !strings.Contains(attribute(n.Parent, "class"), "box") {
				t.Error("a table could make the page scroll sideways")
			}
		case n.Data == "th" && attribute(n, "scope") == "":
			t.Error("a heading of nothing")
		case attribute(n, "class") == "box":
			boxes++
			if attribute(n, "tabindex") != "0" || attribute(n, "role") != "region" || attribute(n, "aria-label") == "" {
				t.Error("a box that scrolls cannot be reached by keyboard, or has no name")
			}
		case n.Data == "html" && attribute(n, "lang") == "":
			t.Error("no language")
		}
	})
	if pictures != 3+2 || tables < 3*3 || boxes < tables {
		t.Errorf("%d pictures, %d tables, %d boxes", pictures, tables, boxes)
	}
}

// Every number of the matrix is the judge's.
func TestMatrixIsTheJudgement(t *testing.T) {
	r := suite(t)
	var cells []*html.Node
	every(parse(t, pageOf(t, r)), func(n *html.Node) {
		if n.Data == "td" && attribute(n, "data-subject") != "" {
			cells = append(cells, n)
		}
	})
	worst := 0
	for _, d := range r.Drills {
		for i := range d.Result.Rows {
			row, cell := &d.Result.Rows[i], cells[0]
			cells = cells[1:]
			if attribute(cell, "data-subject") != row.Subject {
				t.Fatalf("cell of %s where %s should be", attribute(cell, "data-subject"), row.Subject)
			}
			text := textOf(cell)
			if strings.Contains(attribute(cell, "class"), "worst") != strings.Contains(text, "▲ worst") {
				t.Errorf("%s: marked for some and not for all: %s", row.Subject, text)
			}
			if strings.Contains(text, "▲ worst") {
				worst++
			}
			if o := d.Result.Outcomes[row.Outcomes[0]]; o.Skipped != "" {
				if !strings.Contains(text, o.Skipped) {
					t.Errorf("%s: %q does not say why", row.Subject, text)
				}
				continue
			}
			if want := expected(d.Document, i); !strings.HasPrefix(strings.ReplaceAll(text, "▲ worst ", ""), want) {
				t.Errorf("%s %s: %q, want %q", d.Title(), row.Subject, text, want)
			}
		}
	}
	if len(cells) != 0 || worst != 3 {
		t.Errorf("%d cells too many, %d worst ones", len(cells), worst)
	}
}

// expected is what a cell must say, reckoned from the outcomes.
func expected(d *report.Document, row int) string {
	var bystanders, hit []int
	var seconds []float64
	for _, i := range d.Result.Rows[row].Outcomes {
		o := &d.Result.Outcomes[i]
		bystanders, hit = append(bystanders, len(o.Bystanders)), append(hit, len(o.Hit))
		seconds = append(seconds, o.ErrorSeconds.New+o.ErrorSeconds.Reused)
	}
	between := func(all []int) string {
		if lo, hi := slices.Min(all), slices.Max(all); lo != hi {
			return fmt.Sprintf("%d..%d", lo, hi)
		}
		return fmt.Sprint(all[0])
	}
	slices.Sort(seconds)
	return fmt.Sprintf("%s %s hit · %.1f s", between(bystanders), between(hit), seconds[(len(seconds)-1)/2])
}

func TestWhatMustNotBeOverlooked(t *testing.T) {
	page := parse(t, pageOf(t, Records{Drills: []Drill{read(t, spoiled())}}))
	var head, found, grave string
	every(page, func(n *html.Node) {
		switch class := attribute(n, "class"); {
		case n.Data == "header":
			head = textOf(n)
		case strings.HasPrefix(class, "findings"):
			found += class + ": " + textOf(n)
		case n.Data == "li" && class == "grave":
			grave += textOf(n) + "\n"
		}
	})
	if i := strings.Index(head, "Invalid"); i < 0 || i > strings.Index(head, "how far does it reach?") {
		t.Errorf("an invalid run does not say so first: %s", head)
	}
	if !strings.Contains(found, "grave") || !strings.Contains(grave, "check violated") || !strings.Contains(grave, "denied flow admitted") {
		t.Errorf("findings: %s\ngrave: %s", found, grave)
	}
	if cell := cellOf(page, "workload"); !strings.Contains(attribute(cell, "class"), "violated") || !strings.Contains(textOf(cell), "violation") {
		t.Errorf("a violation is not marked in the matrix: %s", textOf(cell))
	}
	quiet := textOf(parse(t, pageOf(t, Records{Drills: []Drill{read(t, story.Told(1))}})))
	if !strings.Contains(quiet, "None seen") || strings.Contains(quiet, "Invalid") {
		t.Error("a run without findings has some")
	}
}

// cellOf is the first cell of a subject in the matrix.
func cellOf(page *html.Node, subject string) (cell *html.Node) {
	every(page, func(n *html.Node) {
		if cell == nil && attribute(n, "data-subject") == subject {
			cell = n
		}
	})
	return cell
}

// An invalid drill among others is shown, and counts for nobody.
func TestAnInvalidDrillCountsForNobody(t *testing.T) {
	usual, invalid := read(t, story.Told(1)), read(t, spoiled())
	verdict := func(r Records) string {
		said := ""
		every(parse(t, pageOf(t, r)), func(n *html.Node) {
			if strings.HasPrefix(attribute(n, "class"), "verdict ") {
				said += textOf(n) + "\n"
			}
		})
		return said
	}
	if both := verdict(Records{Drills: []Drill{usual, invalid}}); strings.Contains(both, " of 2") || !strings.Contains(both, "1 of 1") {
		t.Errorf("%s", both)
	}
	if alone := verdict(Records{Drills: []Drill{invalid}}); !strings.Contains(alone, "bystander flows hit") {
		t.Errorf("%s", alone)
	}
}

const hostile = `<script>alert(1)</script>"'&]]>--><b>` + "\x1b[31m"

// Names in a record can be anything.
func TestHostileNames(t *testing.T) {
	s := called(story.Told(1), hostile)
	s.Run.ID, s.Run.Version, s.Run.Host.Kernel = hostile, hostile, hostile
	rename := func(name string) string { return name + "/" + hostile }
	s.Run.Culprit = rename(s.Run.Culprit)
	for i := range s.Run.Workloads {
		s.Run.Workloads[i].Name = rename(s.Run.Workloads[i].Name)
	}
	for i := range s.Run.Flows {
		f := &s.Run.Flows[i]
		f.Client, f.Server = rename(f.Client), rename(f.Server)
	}
	for i := range s.Run.Subjects {
		s.Run.Subjects[i].Name = rename(s.Run.Subjects[i].Name)
	}
	for i := range s.Run.Segments {
		seg := &s.Run.Segments[i]
		seg.Subject = rename(seg.Subject)
		for j := range seg.Events {
			seg.Events[j].Note = hostile
		}
	}
	s.Run.Aborted = hostile
	r := Records{Drills: []Drill{read(t, s)}, Caveats: []string{hostile}, Command: hostile}
	r.Drills[0].About = About{hostile, hostile, "javascript:" + hostile, hostile, hostile}
	scripts := 0
	every(parse(t, pageOf(t, r)), func(n *html.Node) {
		if n.Data == "script" {
			scripts++
		}
	})
	if scripts != 1 {
		t.Errorf("%d scripts", scripts)
	}
	for _, p := range Pictures(r) {
		wellFormed(t, p)
		if strings.ContainsAny(p.Name, `<>"'&/ `) || strings.Contains(p.SVG, "<script") {
			t.Errorf("%s", p.Name)
		}
	}
	if text := Markdown(r); regexp.MustCompile(`(^|[^\\])<script`).MatchString(strings.SplitN(text, "Repeat it", 2)[0]) {
		t.Errorf("%s", text)
	}
}

// A full run is 30 drills of four rows, each ten times: three of them may have a tenth of
// its 3 MB, and a record in which much goes wrong has to fit as well.
func TestPageOfAFullRunIsSmall(t *testing.T) {
	d := read(t, story.Told(2))
	if n := len(pageOf(t, Records{Drills: []Drill{d, d, d}})); n > 300<<10 {
		t.Errorf("%d bytes", n)
	}
}

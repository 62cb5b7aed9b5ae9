package web

import (
	"fmt"
	"strings"

	"github.com/bulkhead-mesh/bulkhead/bench/report"
)

// Markdown is the report for a pull request: short, and with all that must not be overlooked.
func Markdown(r Records) string {
	var b strings.Builder
	m := report.NewMatrix(r.docs())
	anchors := anchorsOf(r.docs())
	_, question := titles(r)
	fmt.Fprintf(&b, "### Bulkhead: %s\n\n", escape(question))
	for _, d := range r.Drills {
		for _, why := range d.Result.Invalid {
			fmt.Fprintf(&b, "> **INVALID**, %s: %s\n\n", escape(d.Title()), escape(why))
		}
	}
	if len(m.Lines) > 0 {
		if said := answer(m); said != "" {
			b.WriteString(escape(said) + "\n\n")
		}
		markdownMatrix(&b, m)
	}
	markdownFindings(&b, findings(r, anchors))
	for _, t := range r.Trust {
		fmt.Fprintf(&b, "\n<details><summary>trust</summary>\n\n%s\n</details>\n", t.Markdown())
	}
	if all := commands(r); len(all) > 0 {
		b.WriteString("\nRepeat it:\n\n")
		for _, c := range all {
			b.WriteString("    " + oneLine(c) + "\n")
		}
	}
	for _, where := range machines(r) {
		b.WriteString("\n" + escape(where) + "\n")
	}
	return b.String()
}

func markdownMatrix(b *strings.Builder, m *report.Matrix) {
	b.WriteString("Bystander flows hit / all flows hit, error-seconds; **bold** and ▲: the worst of its drill.\n\n")
	head, rule := "| drill |", "| --- |"
	for _, s := range m.Subjects {
		head, rule = head+" "+escape(s)+" |", rule+" --- |"
	}
	b.WriteString(head + "\n" + rule + "\n")
	for _, line := range m.Lines {
		fmt.Fprintf(b, "| %s |", escape(line.Doc.Title()))
		for _, c := range line.Cells {
			fmt.Fprintf(b, " %s |", markdownCell(c))
		}
		b.WriteByte('\n')
	}
}

func markdownCell(c report.Cell) string {
	switch {
	case c.Row == nil:
		return "–"
	case c.Skipped != "":
		return "did not strike: " + escape(c.Skipped)
	}
	said := fmt.Sprintf("%s / %s, %.1f s", c.Bystanders, c.Hit, c.ErrorSeconds)
	switch {
	case c.Worst:
		said = "**" + said + "** ▲"
	case c.Noise:
		said += " (noise)"
	}
	if c.Short {
		said += " (CPUs full)"
	}
	return said
}

// findings beyond these are in report.html.
const maxFindings = 20

func markdownFindings(b *strings.Builder, all []finding) {
	if len(all) == 0 {
		b.WriteString("\nFindings: none seen.\n")
		return
	}
	fmt.Fprintf(b, "\n**%s**\n\n", count(len(all), "finding"))
	for i, f := range all {
		if i == maxFindings {
			fmt.Fprintf(b, "- and %d more\n", len(all)-i)
			break
		}
		where := f.Drill
		for _, s := range []string{f.Subject, f.Where} {
			if s != "" {
				where += ", " + s
			}
		}
		mark := ""
		if f.Grave {
			mark = "⚠ "
		}
		fmt.Fprintf(b, "- %s**%s** %s: %s\n", mark, f.Kind, escape(where), escape(f.Text))
	}
}

// escape makes a name or a sentence from a record plain text of one line.
func escape(text string) string {
	var b strings.Builder
	for _, r := range oneLine(text) {
		if strings.ContainsRune("\\`*_[]<>|~&@", r) {
			b.WriteByte('\\')
		}
		b.WriteRune(r)
	}
	return b.String()
}

func oneLine(text string) string { return strings.Join(strings.Fields(text), " ") }

package report

import (
	"fmt"
	"strings"
)

// Summary is the end of a suite on a terminal: isolation × drill in at most 120 columns,
// the worst of each drill marked, then what nobody may overlook.
func Summary(docs ...*Document) string {
	m := NewMatrix(docs)
	var b strings.Builder
	for _, d := range docs {
		for _, why := range d.Result.Invalid {
			writeLines(&b, wrap("INVALID: "+d.Title()+": ", why))
		}
	}
	b.WriteString("bystander flows hit / all flows hit, error-seconds; ! = the worst of its drill\n\n")
	for i, block := range m.blocks() {
		if i > 0 {
			b.WriteByte('\n')
		}
		align(&b, block)
	}
	writeLines(&b, append([]string{""}, m.remarks()...))
	return b.String()
}

// blocks are tables that fit the width, with as many subjects each as they have room for.
func (m *Matrix) blocks() (all [][][]string) {
	for from := 0; from < len(m.Subjects); {
		to := len(m.Subjects)
		block := m.block(from, to)
		for to > from+1 && narrowest(block) > width {
			to--
			block = m.block(from, to)
		}
		all = append(all, block)
		from = to
	}
	return all
}

func (m *Matrix) block(from, to int) [][]string {
	rows := [][]string{append([]string{"drill"}, m.Subjects[from:to]...)}
	for _, line := range m.Lines {
		row, drilled := []string{line.Doc.Title()}, false
		for _, c := range line.Cells[from:to] {
			row, drilled = append(row, c.String()), drilled || c.Row != nil
		}
		if drilled || from == 0 { // what has no room beside the others is said of those it is about
			rows = append(rows, row)
		}
	}
	return rows
}

// narrowest is the width of aligned rows with the smaller of align's gaps.
func narrowest(rows [][]string) int {
	widths := make([]int, len(rows[0]))
	for _, r := range rows {
		for i, c := range r {
			widths[i] = max(widths[i], len(c))
		}
	}
	return total(widths) + 2*(len(widths)-1)
}

// String is "14/18, 23.4 s !", in which the mark has a column of its own.
func (c Cell) String() string {
	switch {
	case c.Row == nil:
		return "-  "
	case c.Skipped != "":
		return "skipped  "
	case c.Worst:
		return fmt.Sprintf("%v/%v, %.1f s !", c.Bystanders, c.Hit, c.ErrorSeconds)
	}
	return fmt.Sprintf("%v/%v, %.1f s  ", c.Bystanders, c.Hit, c.ErrorSeconds)
}

// remarks are the findings, why drills were skipped, and where the machine was full.
func (m *Matrix) remarks() (lines []string) {
	for _, line := range m.Lines {
		for i, c := range line.Cells {
			if c.Skipped != "" {
				lines = append(lines, wrap(fmt.Sprintf("skipped: %s, %s: ", line.Doc.Title(), m.Subjects[i]), c.Skipped)...)
			}
			if c.Short {
				lines = append(lines, wrap(fmt.Sprintf("CPUs full: %s, %s: ", line.Doc.Title(), m.Subjects[i]), "want of CPU may explain it")...)
			}
		}
	}
	none := true
	for _, line := range m.Lines {
		for _, f := range line.Doc.Findings() {
			none = false
			lines = append(lines, wrap("FINDING: ", line.Doc.Title()+": "+f)...)
		}
	}
	if none {
		lines = append(lines, wrap("findings: ", "none seen: no denied connection was admitted, no check was violated, nothing was left by an undo, no prediction was missed; each report says in how many attempts")...)
	}
	return lines
}

func writeLines(b *strings.Builder, lines []string) {
	for _, line := range lines {
		b.WriteString(line + "\n")
	}
}

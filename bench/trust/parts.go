package trust

import (
	"slices"
	"strings"
)

// Parts are those of the report, for whoever shows them otherwise than as text: its head,
// its tables with one line of headings each, and what is to be known about them.
func (res *Result) Parts() (head string, tables [][][]string, lines []string) {
	for _, g := range res.grids() {
		tables = append(tables, g.joined())
	}
	return res.head(), tables, res.lines()
}

// joined is the grid with its two lines of headings in one.
func (g grid) joined() grid {
	if g[0][0] != "" {
		return g
	}
	head := slices.Clone(g[0])
	for i := range head {
		head[i] = strings.TrimSpace(head[i] + " " + g[1][i])
	}
	return append(grid{head}, g[2:]...)
}

package web

import (
	"strings"

	"github.com/bulkhead-mesh/bulkhead/bench/trust"
)

// trustView is the record of a key-theft drill.
type trustView struct {
	Head   string
	Grids  []grid
	Lines  []string
	Broken bool // it has findings
}

// grid is a table with one line of headings; without a name it is shown at once.
type grid struct {
	Name string
	Head []string
	Rows [][]string
}

func trustViews(all []*trust.Result) (views []trustView) {
	for _, res := range all {
		head, grids, lines := res.Parts()
		v := trustView{Head: head, Lines: lines, Broken: len(res.Findings) > 0}
		for i, g := range grids {
			name := ""
			if i > 0 {
				name = g[0][0]
			}
			v.Grids = append(v.Grids, grid{name, g[0], g[1:]})
		}
		views = append(views, v)
	}
	return views
}

// theft is the command of a key-theft drill.
func theft(r *trust.Record) string {
	var isolations []string
	for _, s := range r.Subjects {
		isolations = append(isolations, s.Isolation)
	}
	words := []string{"bulkhead drill run key-theft --culprit", quoted(r.Culprit)}
	if len(isolations) > 0 {
		words = append(words, "--isolation", quoted(strings.Join(isolations, ",")))
	}
	return strings.Join(words, " ")
}

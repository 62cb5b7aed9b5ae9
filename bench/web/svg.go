package web

import _ "embed"

//go:embed style_strip.css
var stripStyle string

// Picture is a file with an SVG.
type Picture struct{ Name, SVG string }

// Pictures are one file for each drill, and one for each of its subjects.
func Pictures(r Records) (all []Picture) {
	taken := map[string]bool{}
	for _, d := range r.Drills {
		base := unique(taken, fileName(d.Title()))
		all = append(all, Picture{base + ".svg", newPicture(d.Document, "").svg("s", true)})
		for i := range d.Result.Rows {
			name := d.Result.Rows[i].Subject
			all = append(all, Picture{unique(taken, base+"-"+fileName(name)) + ".svg", newPicture(d.Document, name).svg("s", true)})
		}
	}
	return all
}

package web

import (
	"fmt"
	"math"
	"strings"

	"github.com/bulkhead-mesh/bulkhead/bench/measure"
)

// Sizes of a picture in pixels. It is not scaled: on a narrow screen it scrolls in its own
// box, since a bin that is less than a few pixels wide shows nothing.
const (
	labels     = 236.0 // column of node, workload and prediction
	plot       = 828.0 // at most: bins are whole or half pixels wide
	laneHeight = 5.0
	pitch      = 14.0 // between rows
	nodeGap    = 5.0  // before the rows of another node
	headHeight = 38.0 // of a band: its name, then its marks
	bandGap    = 14.0
	axisHeight = 22.0
	legendRoom = 46.0
)

// canvas is a picture that is being drawn.
type canvas struct {
	pen
	*picture
	id    string // of this picture on its page
	bin   float64
	width float64
}

// svg draws the picture. Alone, it brings its own colours; on a page those of the page hold.
func (p *picture) svg(id string, alone bool) string {
	c := &canvas{picture: p, id: id, bin: max(2, float64(int(2*plot/float64(p.bins)))/2)}
	c.width = labels + c.bin*float64(p.bins) + 12
	height, margin := c.height(), 0.0
	if alone {
		margin = 16
	}
	c.open("svg", "xmlns", "http://www.w3.org/2000/svg", "class", "strip", "role", "img",
		"width", c.width+2*margin, "height", height+2*margin,
		"viewBox", fmt.Sprintf("%[1]s %[1]s %[2]s %[3]s", number(-margin), number(c.width+2*margin), number(height+2*margin)),
		"aria-labelledby", id+"-t "+id+"-d")
	c.element("title", c.title(), "id", id+"-t")
	c.element("desc", c.describe(), "id", id+"-d")
	if alone {
		c.element("style", stripStyle)
		c.empty("rect", "class", "paper", "x", -margin, "y", -margin, "width", "100%", "height", "100%")
	}
	c.WriteString(hatches(id))
	y := c.axis(0, true)
	for i := range c.bands {
		y = c.band(&c.bands[i], y) + bandGap
	}
	y = c.axis(y-bandGap, false)
	c.legend(y + 12)
	c.WriteString("</svg>")
	return c.String()
}

func (c *canvas) height() float64 {
	h := 2*axisHeight + legendRoom
	for i := range c.bands {
		h += headHeight + bandGap + c.bands[i].height()
	}
	return h - bandGap*min(1, float64(len(c.bands)))
}

func (b *band) height() float64 {
	if b.outcome.Skipped != "" {
		return 0
	}
	h := 0.0
	for i, r := range b.rows {
		h += pitch
		if r.opens && i > 0 {
			h += nodeGap
		}
	}
	return h
}

// x is the place of a time in bins after the fault.
func (c *canvas) x(bins float64) float64 { return labels + (bins-float64(c.first))*c.bin }

// axis draws the seconds, above or below everything.
func (c *canvas) axis(y float64, above bool) float64 {
	at := y + 14
	for s := ceil(c.first, 10); s*10 <= c.first+c.bins; s++ {
		label := fmt.Sprintf("%+d s", s)
		if s == 0 {
			label = "0"
		}
		c.text(c.x(float64(10*s)), at, "tick", label)
	}
	if above {
		c.text(0, at, "unit", "seconds from the fault")
	}
	return y + axisHeight
}

// band draws one subject and returns where it ends.
func (c *canvas) band(b *band, y float64) float64 {
	c.open("g", "class", "band")
	c.text(0, y+14, "subject", b.subject)
	if b.outcome.Skipped != "" {
		c.text(labels, y+14, "said", "did not strike here: "+b.outcome.Skipped)
		c.close("g")
		return y + headHeight
	}
	c.text(labels, y+14, "said", b.sum())
	top := y + headHeight
	c.grid(top, b.height())
	y = top
	for i := range b.rows {
		if b.rows[i].opens && i > 0 {
			y += nodeGap
		}
		c.row(&b.rows[i], y)
		y += pitch
	}
	c.voids(b, top, y)
	c.marks(b, top, y)
	c.close("g")
	return y
}

// ceil is a/b, rounded up also below zero.
func ceil(a, b int) int { return int(math.Ceil(float64(a) / float64(b))) }

// grid has a thin line for each second.
func (c *canvas) grid(y, height float64) {
	var d strings.Builder
	for s := ceil(c.first, 10); s*10 <= c.first+c.bins; s++ {
		fmt.Fprintf(&d, "M%s %sv%s", number(c.x(float64(10*s))), number(y), number(height))
	}
	c.empty("path", "class", "grid", "d", d.String())
}

// row draws a workload: its label, its prediction, its two lanes.
func (c *canvas) row(r *row, y float64) {
	c.open("g", "class", r.class())
	c.element("title", r.describe())
	base := y + 9.5
	if r.opens {
		c.text(0, base, "node", r.node)
	}
	tenant, app, _ := strings.Cut(r.name, "/")
	c.open("text", "x", 58.0, "y", base, "class", "name")
	c.WriteString(`<tspan class="tenant">`)
	c.write(short(tenant, 14) + "/")
	c.WriteString("</tspan>")
	c.write(short(app, 16))
	if r.culprit {
		c.WriteString(`<tspan class="culprit-word" dx="6">culprit</tspan>`)
	}
	c.close("text")
	switch {
	case r.must:
		c.text(labels-13, base, "must", "▸")
	case r.may:
		c.text(labels-13, base, "may", "▹")
	}
	for i, l := range r.lanes {
		c.lane(l, r.first, y+1+float64(i)*(laneHeight+1))
	}
	c.close("g")
}

// lane draws runs of equal bins: one path for each grade.
func (c *canvas) lane(l lane, first int, y float64) {
	if cut := c.first - first; cut > 0 && len(l) > 0 { // what is left of the picture
		l, first = l[min(cut, len(l)):], c.first
	}
	paths := map[measure.Grade]*strings.Builder{}
	for from := 0; from < len(l); {
		to := from
		for to < len(l) && l[to] == l[from] {
			to++
		}
		d := paths[l[from]]
		if d == nil {
			d = new(strings.Builder)
			paths[l[from]] = d
		}
		w := number(float64(to-from) * c.bin)
		fmt.Fprintf(d, "M%s %sh%sv%sh-%sz", number(c.x(float64(first+from))), number(y), w, number(laneHeight), w)
		from = to
	}
	for g := measure.Served; g <= measure.Admitted; g++ {
		if d := paths[g]; d != nil {
			c.empty("path", "class", gradeClass[g], "d", d.String())
			if h := gradeHatch[g]; h != "" {
				c.empty("path", "fill", "url(#"+c.id+h+")", "d", d.String())
			}
		}
	}
}

// voids covers the bins that are judged for nobody.
func (c *canvas) voids(b *band, top, bottom float64) {
	for _, v := range b.void {
		c.empty("rect", "class", "void", "x", c.x(float64(v)), "y", top, "width", c.bin, "height", bottom-top)
		c.empty("rect", "fill", "url(#"+c.id+"-v)", "x", c.x(float64(v)), "y", top, "width", c.bin, "height", bottom-top)
	}
}

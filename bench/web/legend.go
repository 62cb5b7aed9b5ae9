package web

import (
	"fmt"
	"strings"
	"time"

	"github.com/bulkhead-mesh/bulkhead/bench/measure"
)

// gradeClass are the names of the colours.
var gradeClass = [...]string{
	measure.Served: "g-served", measure.Alone: "g-alone", measure.Late: "g-late", measure.Later: "g-later",
	measure.Latest: "g-latest", measure.Failed: "g-failed", measure.Admitted: "g-admitted",
}

// gradeHatch are the patterns on them: whoever sees no colour sees these.
var gradeHatch = [...]string{measure.Alone: "-a", measure.Failed: "-h", measure.Admitted: "-h"}

// hatches are the patterns that tell errors and void bins apart without any colour.
func hatches(id string) string {
	return fmt.Sprintf(`<defs><pattern id="%[1]s-h" class="hatch" width="3" height="3" patternUnits="userSpaceOnUse" patternTransform="rotate(45)">`+
		`<path d="M0 0v3"/></pattern><pattern id="%[1]s-v" class="hatch void-hatch" width="4" height="4" patternUnits="userSpaceOnUse">`+
		`<path d="M0 4L4 0M0 0L4 4"/></pattern>`+
		`<pattern id="%[1]s-a" class="hatch alone-hatch" width="3" height="3" patternUnits="userSpaceOnUse"><path d="M0 0v3"/></pattern></defs>`+"\n", id)
}

// legend explains the colours and the glyphs in two lines.
func (c *canvas) legend(y float64) {
	late := c.doc.Result.Late
	x := labels
	for _, k := range []struct {
		grade measure.Grade
		said  string
	}{
		{measure.Served, "served"},
		{measure.Late, "later than " + ms(late)},
		{measure.Later, "than " + ms(measure.LaterFactor*late)},
		{measure.Latest, "than " + ms(measure.LatestFactor*late)},
		{measure.Failed, "failed, broken"},
		{measure.Alone, "late, but alone: noise"},
	} {
		c.empty("rect", "class", gradeClass[k.grade], "x", x, "y", y-9, "width", 20.0, "height", 10.0)
		if h := gradeHatch[k.grade]; h != "" {
			c.empty("rect", "fill", "url(#"+c.id+h+")", "x", x, "y", y-9, "width", 20.0, "height", 10.0)
		}
		c.text(x+25, y, "key", k.said)
		x += 25 + 6*float64(len(k.said)) + 16
	}
	c.empty("rect", "class", "void", "x", x, "y", y-9, "width", 20.0, "height", 10.0)
	c.empty("rect", "fill", "url(#"+c.id+"-v)", "x", x, "y", y-9, "width", 20.0, "height", 10.0)
	c.text(x+25, y, "key", "void")
	c.text(labels, y+20, "key", c.glyphLegend())
}

func ms(d time.Duration) string {
	if d >= time.Second {
		return fmt.Sprintf("%.1f s", d.Seconds())
	}
	return fmt.Sprintf("%.0f ms", float64(d)/1e6)
}

// glyphLegend names the glyphs that the picture has.
func (c *canvas) glyphLegend() string {
	drawn, must, may := map[string]bool{}, false, false
	for i := range c.bands {
		if c.bands[i].outcome.Skipped != "" {
			continue
		}
		for _, m := range c.bands[i].marks() {
			drawn[m.glyph] = true
		}
		for _, r := range c.bands[i].rows {
			must, may = must || r.must, may || r.may && !r.must
		}
	}
	said := []string{}
	for _, g := range [][2]string{{"▼", "fault"}, {"✕", "exit"}, {"↻", "restart"}, {"●", "serving"}, {"▽", "end of the fault"}, {"◆", "other event"}, {"✓", "recovered"}} {
		if drawn[g[0]] {
			said = append(said, g[0]+" "+g[1])
		}
	}
	if must {
		said = append(said, "▸ predicted to be hit")
	}
	if may {
		said = append(said, "▹ may be hit")
	}
	return strings.Join(append(said, "upper lane: new connections, lower lane: reused"), " · ")
}

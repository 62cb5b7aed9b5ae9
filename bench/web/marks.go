package web

import (
	"cmp"
	"fmt"
	"slices"
	"time"

	"github.com/bulkhead-mesh/bulkhead/bench/measure"
)

// mark is a moment: a glyph above the rows and a line down through them.
type mark struct {
	at          float64 // bins after the fault
	glyph, kind string
	said        string
}

// kinds of events that have a glyph of their own; others have a plain one.
var glyphs = map[string]string{"exit": "✕", "restart": "↻", "serving": "●", "end": "▽", "undo": "▽"}

// marks are the fault, what happened, and the recovery.
func (b *band) marks() []mark {
	all := []mark{}
	seen := map[string]bool{}
	for _, e := range b.segment.Events {
		m := mark{at: float64(e.T-b.segment.TFault) / float64(measure.Bin), glyph: glyphs[e.Name], kind: "event", said: e.Name}
		if e.Note != "" {
			m.said += ": " + e.Note
		}
		switch {
		case e.T == b.segment.TFault && e.Name == b.segment.Kind:
			m.glyph, m.kind = "▼", "fault"
		case m.glyph == "":
			m.glyph = "◆"
		}
		m.said = fmt.Sprintf("%+.2f s: %s", m.at/10, m.said)
		// Many events may have one moment; a picture has room for one of each kind there.
		if key := fmt.Sprintf("%s %.0f", m.glyph, m.at); !seen[key] {
			seen[key] = true
			all = append(all, m)
		}
	}
	if r := b.outcome.Recovery; r.Needed && r.Within {
		at := float64(r.After) / float64(measure.Bin)
		all = append(all, mark{at, "✓", "recovered", fmt.Sprintf("%+.1f s: recovered", r.After.Seconds())})
	}
	slices.SortStableFunc(all, func(a, b mark) int { return cmp.Compare(a.at, b.at) })
	return all
}

// marks draws those of a band over its rows.
func (c *canvas) marks(b *band, top, bottom float64) {
	free := 0.0 // where the next glyph has room
	for _, m := range b.marks() {
		x := c.x(m.at)
		at := max(x, free)
		free = at + 12
		c.open("g", "class", "mark "+m.kind)
		c.element("title", m.said)
		c.empty("path", "d", fmt.Sprintf("M%s %sV%s", number(x), number(top-5), number(bottom)))
		c.text(at, top-7, "glyph", m.glyph)
		c.close("g")
	}
	// The observation may end before that of another subject; it says so where there is room.
	end := c.x(float64(b.segment.TEnd-b.segment.TFault) / float64(measure.Bin))
	if over := labels + c.bin*float64(c.bins) - end; over > 110 {
		c.text(end+6, top+10, "unit", "observed for "+seconds(time.Duration(b.segment.TEnd-b.segment.TFault)))
	}
}

func seconds(d time.Duration) string { return fmt.Sprintf("%.1f s", d.Seconds()) }

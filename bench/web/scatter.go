package web

import (
	"fmt"
	"math"

	"github.com/bulkhead-mesh/bulkhead/bench/report"
)

// Sizes of a scatter in pixels.
const (
	scatterWidth  = 500.0
	scatterHeight = 300.0
	scatterLeft   = 56.0
	scatterBottom = 44.0
	scatterTop    = 14.0
	scatterRight  = 20.0
)

// point is one subject: what it costs, and what it did not contain.
type point struct {
	name string
	x, y float64
}

// scatters set error-seconds beside memory and beside CPU.
func scatters(m *report.Matrix) (all []string) {
	var memory, cpu []point
	usual := usualSubjects(m)
	for i, name := range m.Subjects {
		e := costOf(m, i)
		if seconds, n := suffered(m, usual, i); usual[i] && n > 0 && e.measured {
			memory = append(memory, point{name, e.mib, seconds})
			cpu = append(cpu, point{name, e.cpu, seconds})
		}
	}
	if len(memory) < 2 {
		return nil
	}
	return []string{
		scatter("c1", "memory of all processes, MiB (PSS)", memory),
		scatter("c2", "CPU, ms per 1,000 requests", cpu),
	}
}

// usualSubjects are those that were struck in at least half of the drills: a row that a
// single drill adds would leave nothing to compare.
func usualSubjects(m *report.Matrix) []bool {
	usual := make([]bool, len(m.Subjects))
	for i := range usual {
		usual[i] = 2*tallyOf(m, i).struck >= len(m.Lines)
	}
	return usual
}

// suffered is the error-seconds of the n drills that struck every usual subject: all are
// measured with the same rod.
func suffered(m *report.Matrix, usual []bool, subject int) (sum float64, n int) {
	for _, line := range m.Lines {
		if common(line, usual) && !discounted(m, &line) {
			sum += line.Cells[subject].ErrorSeconds
			n++
		}
	}
	return sum, n
}

func common(line report.Line, usual []bool) bool {
	for i, c := range line.Cells {
		if usual[i] && (c.Row == nil || c.Skipped != "") {
			return false
		}
	}
	return true
}

func scatter(id, unit string, points []point) string {
	p := &pen{}
	right, top := 0.0, 0.0
	said := ""
	for _, pt := range points {
		right, top = max(right, pt.x), max(top, pt.y)
		said += fmt.Sprintf("%s: %.0f, %.1f error-seconds. ", pt.name, pt.x, pt.y)
	}
	stepX, stepY := step(right, 5), step(top, 4)
	right, top = roof(right, stepX), roof(top, stepY)
	x := func(v float64) float64 { return scatterLeft + v/right*(scatterWidth-scatterLeft-scatterRight) }
	y := func(v float64) float64 {
		return scatterHeight - scatterBottom - v/top*(scatterHeight-scatterTop-scatterBottom)
	}
	p.open("svg", "xmlns", "http://www.w3.org/2000/svg", "class", "scatter", "role", "img",
		"viewBox", fmt.Sprintf("0 0 %s %s", number(scatterWidth), number(scatterHeight)), "aria-labelledby", id+"-t "+id+"-d")
	p.element("title", "error-seconds against "+unit, "id", id+"-t")
	p.element("desc", said, "id", id+"-d")
	for v := 0.0; v <= right+stepX/2; v += stepX {
		p.empty("path", "class", "grid", "d", fmt.Sprintf("M%s %sV%s", number(x(v)), number(scatterTop), number(y(0))))
		p.text(x(v), y(0)+16, "tick middle", number(v))
	}
	for v := 0.0; v <= top+stepY/2; v += stepY {
		p.empty("path", "class", "grid", "d", fmt.Sprintf("M%s %sH%s", number(scatterLeft), number(y(v)), number(scatterWidth-scatterRight)))
		p.text(scatterLeft-8, y(v)+4, "tick end", number(v))
	}
	p.text(x(right/2), scatterHeight-6, "unit middle", unit+" →")
	p.element("text", "error-seconds →", "class", "unit middle", "transform", fmt.Sprintf("translate(12 %s) rotate(-90)", number(y(top/2))))
	labelled := []point{}
	for i, pt := range points {
		cx, cy := x(pt.x), y(pt.y)
		p.shape(i, cx, cy)
		at := free(labelled, point{pt.name, cx, cy})
		labelled = append(labelled, at)
		class := "label"
		if at.x+10+6.6*float64(len(pt.name)) > scatterWidth {
			class, at.x = "label end", at.x-20
		}
		p.text(at.x+10, at.y+4, class, pt.name)
	}
	p.WriteString("</svg>")
	return p.String()
}

// free moves a label until none of the others is in its way, a few times at most.
func free(others []point, at point) point {
	for range 2 * (len(others) + 1) {
		moved := false
		for _, o := range others {
			if math.Abs(o.y-at.y) < 14 && math.Abs(o.x-at.x) < 6.6*float64(max(len(o.name), len(at.name)))+12 {
				moved = true
				if at.y < o.y {
					at.y = o.y - 14
				} else {
					at.y = o.y + 14
				}
			}
		}
		if !moved {
			break
		}
	}
	return at
}

// shape is a mark of a form of its own: colour says nothing.
func (p *pen) shape(i int, x, y float64) {
	const r = 6.0
	d := ""
	switch i % 5 {
	case 0:
		p.empty("circle", "class", "dot", "cx", x, "cy", y, "r", r-0.5)
		return
	case 1:
		d = "M%[1]s %[3]sH%[2]sV%[4]sH%[1]sz"
	case 2:
		d = "M%[5]s %[3]sL%[2]s %[4]sH%[1]sz"
	case 3:
		d = "M%[5]s %[3]sL%[2]s %[6]sL%[5]s %[4]sL%[1]s %[6]sz"
	case 4:
		d = "M%[1]s %[3]sH%[2]sL%[5]s %[4]sz"
	}
	p.empty("path", "class", "dot", "d", fmt.Sprintf(d, number(x-r), number(x+r), number(y-r), number(y+r), number(x), number(y)))
}

// step is a round distance of about n ticks.
func step(most float64, n int) float64 {
	if most <= 0 {
		return 1
	}
	base := math.Pow(10, math.Floor(math.Log10(most/float64(n))))
	for _, f := range []float64{1, 2, 5} {
		if most/(base*f) <= float64(n) {
			return base * f
		}
	}
	return 10 * base
}

// roof is the first tick above a value.
func roof(v, step float64) float64 { return step * max(1, math.Ceil(v/step+0.05)) }

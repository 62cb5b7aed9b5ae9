package web

import (
	"encoding/xml"
	"fmt"
	"math"
	"strconv"
	"strings"
)

// pen writes an SVG. Every text and every value of an attribute is escaped; what XML cannot
// hold at all becomes U+FFFD. The result is well-formed, inside a page and alone.
type pen struct{ strings.Builder }

// open writes a start tag; attributes are pairs of name and value.
func (p *pen) open(tag string, attributes ...any) {
	p.tag(tag, attributes)
	p.WriteByte('>')
}

// empty writes an element without content.
func (p *pen) empty(tag string, attributes ...any) {
	p.tag(tag, attributes)
	p.WriteString("/>")
}

func (p *pen) tag(tag string, attributes []any) {
	p.WriteString("<" + tag)
	for i := 0; i+1 < len(attributes); i += 2 {
		fmt.Fprintf(p, ` %s="`, attributes[i])
		p.write(attributes[i+1])
		p.WriteByte('"')
	}
}

func (p *pen) close(tag string) { p.WriteString("</" + tag + ">\n") }

// element is one with text.
func (p *pen) element(tag, text string, attributes ...any) {
	p.open(tag, attributes...)
	p.write(text)
	p.close(tag)
}

// text is one line of text.
func (p *pen) text(x, y float64, class, text string) {
	p.element("text", text, "x", x, "y", y, "class", class)
}

func (p *pen) write(value any) {
	switch v := value.(type) {
	case float64:
		p.WriteString(number(v))
	default:
		_ = xml.EscapeText(p, fmt.Append(nil, v)) // a strings.Builder does not fail
	}
}

// number has no more digits than a picture shows.
func number(v float64) string { return strconv.FormatFloat(math.Round(v*100)/100, 'f', -1, 64) }

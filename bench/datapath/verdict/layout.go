package verdict

import (
	"strconv"
	"strings"
)

// wrapped breaks a sentence between words.
func wrapped(text string) string {
	const columns = 100
	var b strings.Builder
	at := 0
	for i, word := range strings.Fields(text) {
		n := len([]rune(word))
		switch {
		case i > 0 && at+1+n > columns:
			b.WriteString("\n  ")
			at = 2
		case i > 0:
			b.WriteByte(' ')
			at++
		}
		b.WriteString(word)
		at += n
	}
	return b.String() + "\n"
}

// number has three digits that matter.
func number(x float64) string {
	switch abs := max(x, -x); {
	case abs >= 1e6:
		return strconv.FormatFloat(x/1e6, 'f', 2, 64) + "M"
	case abs >= 100 || abs == 0:
		return strconv.FormatFloat(x, 'f', 0, 64)
	case abs >= 10:
		return strconv.FormatFloat(x, 'f', 1, 64)
	case abs >= 0.1:
		return strconv.FormatFloat(x, 'f', 2, 64)
	}
	return strconv.FormatFloat(x, 'f', 3, 64)
}

// align writes columns: the first one left, the others right.
func align(b *strings.Builder, rows [][]string) {
	widths := make([]int, len(rows[0]))
	for _, r := range rows {
		for i, c := range r {
			widths[i] = max(widths[i], len([]rune(c)))
		}
	}
	for _, r := range rows {
		line := r[0] + strings.Repeat(" ", widths[0]-len([]rune(r[0])))
		for i, c := range r[1:] {
			line += strings.Repeat(" ", 2+widths[i+1]-len([]rune(c))) + c
		}
		b.WriteString(strings.TrimRight(line, " ") + "\n")
	}
}

func plural(n int, what string) string {
	if n == 1 {
		return what
	}
	return what + "s"
}

// alignUnder writes columns; a line of one cell is a title, and does not widen the first.
func alignUnder(b *strings.Builder, rows [][]string) {
	widths := make([]int, len(rows[0]))
	for _, r := range rows {
		for i := range r {
			if len(r) > 1 {
				widths[i] = max(widths[i], len([]rune(r[i])))
			}
		}
	}
	for _, r := range rows {
		line := r[0]
		for i := 1; i < len(r); i++ {
			gap := widths[i] - len([]rune(r[i]))
			if i == 1 {
				gap += widths[0] - len([]rune(r[0]))
			}
			if i == len(r)-1 { // words stand left
				gap = 0
			}
			line += strings.Repeat(" ", 2+gap) + r[i]
		}
		b.WriteString(strings.TrimRight(line, " ") + "\n")
	}
}

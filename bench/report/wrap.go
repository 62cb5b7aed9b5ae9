package report

import "strings"

// wrap breaks a text at blanks into lines of at most width bytes. The first line
// begins with label, the others are indented as far.
func wrap(label, text string) (lines []string) {
	indent := strings.Repeat(" ", len(label)) // byte lengths: labels and names are ASCII
	line, room := label, false                // room: the line has a word already
	for _, word := range strings.Fields(text) {
		if room && len(line)+1+len(word) > width {
			lines = append(lines, line)
			line, room = indent, false
		}
		if room {
			line += " "
		}
		line += word
		room = true
	}
	return append(lines, line)
}

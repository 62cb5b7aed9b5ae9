package report

import "strings"

// Grid is the rows of the table with their headings, for reports that are no plain text.
func (d *Document) Grid() (head []string, rows [][]string) {
	for i := range headings[0] {
		head = append(head, strings.TrimSpace(headings[0][i]+" "+headings[1][i]))
	}
	for i := range d.Result.Rows {
		rows = append(rows, d.cells(&d.Result.Rows[i], d.Result.Rows[i].Subject))
	}
	if n := d.Result.Null; n != nil {
		rows = append(rows, d.cells(n, "null, each"))
	}
	all := d.withTransport(append([][]string{head}, rows...), 1)
	return all[0], all[1:]
}

// Heading is what was done to whom, and with what: the head of the table.
func (d *Document) Heading() (drill, with string) { return describe(d.Run), setting(d.Run) }

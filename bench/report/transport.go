package report

import (
	"slices"

	"github.com/bulkhead-mesh/bulkhead/bench/measure"
)

// withTransport puts a column behind the first that says what carried the tunnels of each
// subject, where that is not HTTP/2 everywhere. rows are headings, so many lines of them, then
// one of each row of the result, then perhaps that of null.
func (d *Document) withTransport(rows [][]string, headings int) [][]string {
	if !slices.ContainsFunc(d.Run.Subjects, func(s measure.Subject) bool { return s.Transport != "" }) {
		return rows
	}
	for i, r := range rows {
		what := ""
		switch n := i - headings; {
		case n == -1:
			what = "transport"
		case n >= 0 && n < len(d.Result.Rows):
			what = d.transport(d.Result.Rows[n].Subject)
		case n >= 0:
			what = "-"
		}
		rows[i] = slices.Insert(slices.Clip(r), 1, what)
	}
	return rows
}

func (d *Document) transport(subject string) string {
	i := slices.IndexFunc(d.Run.Subjects, func(s measure.Subject) bool { return s.Name == subject })
	switch {
	case i < 0 || d.Run.Subjects[i].Isolation == "none":
		return "-"
	case d.Run.Subjects[i].Transport == measure.TransportQUIC:
		return "QUIC"
	}
	return "HTTP/2"
}

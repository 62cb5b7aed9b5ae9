package verdict

import "slices"

// Spread is one metric of one subject in one row, over the rounds.
type Spread struct {
	Row     string  `json:"row"`
	Subject string  `json:"subject"`
	Metric  string  `json:"metric"`
	N       int     `json:"n"`
	Min     float64 `json:"min"`
	Median  float64 `json:"median"`
	Max     float64 `json:"max"`
}

// values are those of one subject by round.
func (d *Document) values(row, metric, subject string) map[int]float64 {
	all := map[int]float64{}
	for _, s := range d.Samples {
		if s.Row == row && s.Metric == metric && s.Subject == subject {
			all[s.Round] = s.Value
		}
	}
	return all
}

// quotients are sorted.
func quotients(a, b []float64) []float64 {
	all := make([]float64, len(a))
	for i := range a {
		all[i] = a[i] / b[i]
	}
	slices.Sort(all)
	return all
}

func sorted(all []float64) []float64 { return slices.Sorted(slices.Values(all)) }

// spreads are in the order of rows, subjects and metrics.
func (d *Document) spreads() []Spread {
	type key struct{ row, subject, metric string }
	all := map[key][]float64{}
	for _, s := range d.Samples {
		k := key{s.Row, s.Subject, s.Metric}
		all[k] = append(all[k], s.Value)
	}
	out := []Spread{}
	for _, row := range d.rowNames() {
		metrics := d.metrics(row)
		for _, s := range d.Subjects {
			for _, m := range metrics {
				if v := sorted(all[key{row, s.Name, m}]); len(v) > 0 {
					out = append(out, Spread{row, s.Name, m, len(v), v[0], median(v), v[len(v)-1]})
				}
			}
		}
	}
	return out
}

// rowNames are in the order of the table, each once.
func (d *Document) rowNames() (all []string) {
	for _, r := range d.Rows {
		if !slices.Contains(all, r.Name) {
			all = append(all, r.Name)
		}
	}
	return all
}

// metrics of a row: those that are judged first, then the others by name.
func (d *Document) metrics(row string) (all []string) {
	for _, r := range d.Rows {
		if r.Name == row && !slices.Contains(all, r.Metric) {
			all = append(all, r.Metric)
		}
	}
	judged := len(all)
	for _, s := range d.Samples {
		if s.Row == row && !slices.Contains(all, s.Metric) {
			all = append(all, s.Metric)
		}
	}
	slices.Sort(all[judged:])
	return all
}

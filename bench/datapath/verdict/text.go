package verdict

import (
	"encoding/json"
	"fmt"
	"strconv"
	"strings"
)

// ResultSchema names the form of the JSON document.
const ResultSchema = "bulkhead.datapath-result/v1"

// JSON is run and result as indented JSON with a final newline.
func (d *Document) JSON() ([]byte, error) {
	b, err := json.MarshalIndent(struct {
		Schema string   `json:"schema"`
		Run    Run      `json:"run"`
		Result *Result  `json:"result"`
		Notes  []string `json:"notes,omitempty"`
	}{ResultSchema, d.Run, d.Judge(), d.notes()}, "", "  ")
	return append(b, '\n'), err
}

func (d *Document) notes() []string {
	if d.End == nil {
		return nil
	}
	return d.End.Notes
}

// Benchstat is every sample in the format of Go's benchmarks, a line for each subject in each row and round:
//
//	BenchmarkDatapath/row=up1/subject=bulkhead 1 643 MiB/s 1.67 cpu-s/GiB
//
// benchstat -col /subject -row /row compares the subjects. Slashes in a subject's name become dots.
func (d *Document) Benchstat() string {
	var b strings.Builder
	for _, c := range [][2]string{
		{"build", d.Build}, {"toolchain", d.Go}, {"kernel", d.Kernel}, {"cpu", d.CPU}, {"started", d.Started.UTC().Format("2006-01-02T15:04:05Z")},
	} {
		if c[1] != "" {
			fmt.Fprintf(&b, "%s: %s\n", c[0], strings.ReplaceAll(c[1], "\n", " "))
		}
	}
	said := map[string]bool{}
	for _, row := range d.rowNames() {
		for _, m := range d.metrics(row) {
			if !said[m] {
				said[m] = true
				fmt.Fprintf(&b, "Unit %s better=%s\n", m, map[string]string{More: "higher", Less: "lower"}[better(m)])
			}
		}
	}
	b.WriteByte('\n')
	for _, row := range d.rowNames() {
		for _, s := range d.Subjects {
			d.writeBenchmarks(&b, row, s.Name)
		}
	}
	return b.String()
}

func (d *Document) writeBenchmarks(b *strings.Builder, row, subject string) {
	metrics := d.metrics(row)
	values := make([]map[int]float64, len(metrics))
	for i, m := range metrics {
		values[i] = d.values(row, m, subject)
	}
	for round := range d.Rounds {
		text := ""
		for i, m := range metrics {
			if v, has := values[i][round]; has {
				text += " " + strconv.FormatFloat(v, 'g', -1, 64) + " " + m
			}
		}
		if text != "" {
			fmt.Fprintf(b, "BenchmarkDatapath/row=%s/subject=%s 1%s\n", strings.ReplaceAll(row, "/", "."), strings.ReplaceAll(subject, "/", "."), text)
		}
	}
}

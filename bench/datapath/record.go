package datapath

import (
	"bufio"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"text/tabwriter"
)

// File is the record's in its directory: a sample a line.
const File = "samples.jsonl"

// Record takes samples as they come.
type Record struct{ file *os.File }

// Create makes the record of a run.
func Create(dir string, p Params) (*Record, error) {
	f, err := os.OpenFile(filepath.Join(dir, File), os.O_CREATE|os.O_EXCL|os.O_WRONLY, 0o644)
	return &Record{f}, err
}

// Take writes one.
func (r *Record) Take(s Sample) error {
	b, err := json.Marshal(s)
	if err != nil {
		return err
	}
	_, err = r.file.Write(append(b, '\n'))
	return err
}

// Close ends the record.
func (r *Record) Close() error { return r.file.Close() }

// Show is the table of a record.
func Show(dir string) (string, error) {
	f, err := os.Open(filepath.Join(dir, File))
	if err != nil {
		return "", err
	}
	defer f.Close()
	type key struct{ row, subject, metric string }
	var keys []key
	values := make(map[key][]float64)
	for lines := bufio.NewScanner(f); lines.Scan(); {
		var s Sample
		if err := json.Unmarshal(lines.Bytes(), &s); err != nil {
			return "", err
		}
		if strings.Contains(s.Metric, ":") { // of one side
			continue
		}
		k := key{s.Row, s.Subject, s.Metric}
		if values[k] == nil {
			keys = append(keys, k)
		}
		values[k] = append(values[k], s.Value)
	}
	if len(keys) == 0 {
		return "", errors.New("nothing was measured")
	}
	slices.SortStableFunc(keys, func(a, b key) int {
		return slices.Index(RowNames(), a.row) - slices.Index(RowNames(), b.row)
	})
	var b strings.Builder
	w := tabwriter.NewWriter(&b, 0, 0, 2, ' ', 0)
	fmt.Fprintln(w, "row\tsubject\tmetric\tmedian\tmin\tmax\tn")
	for _, k := range keys {
		v := values[k]
		slices.Sort(v)
		fmt.Fprintf(w, "%s\t%s\t%s\t%.4g\t%.4g\t%.4g\t%d\n", k.row, k.subject, k.metric, v[len(v)/2], v[0], v[len(v)-1], len(v))
	}
	err = w.Flush()
	return b.String(), err
}

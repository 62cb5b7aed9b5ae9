package compare

import (
	"fmt"
	"path/filepath"
	"slices"

	"github.com/bulkhead-mesh/bulkhead/bench/document"
	"github.com/bulkhead-mesh/bulkhead/bench/measure"
	"github.com/bulkhead-mesh/bulkhead/bench/report"
)

// Record is a judged record and what its drill is called: the fault, or the name of the
// directory in a suite, in which a fault may be drilled in several ways.
type Record struct {
	Name string
	*report.Document
}

// Records are those in dir: its own, or those of the directories in it, by name.
func Records(dir string) ([]Record, error) {
	if document.In(dir, measure.RunFile) {
		d, err := report.Read(dir)
		if err != nil {
			return nil, err
		}
		return []Record{{d.Run.Drill, d}}, nil
	}
	found, err := filepath.Glob(filepath.Join(quoted(dir), "*", measure.RunFile))
	if err != nil {
		return nil, fmt.Errorf("records in %s: %w", dir, err)
	}
	var all []Record
	for _, file := range found {
		d, err := report.Read(filepath.Dir(file))
		if err != nil {
			return nil, err
		}
		all = append(all, Record{filepath.Base(filepath.Dir(file)), d})
	}
	if len(all) == 0 {
		return nil, &document.NoRecordError{Dir: dir, File: measure.RunFile}
	}
	return all, nil
}

// quoted is a directory's name as a pattern that matches nothing else.
func quoted(dir string) string {
	var b []byte
	for i := range len(dir) {
		if slices.Contains([]byte(`*?[\`), dir[i]) {
			b = append(b, '\\')
		}
		b = append(b, dir[i])
	}
	return string(b)
}

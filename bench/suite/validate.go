package suite

import (
	"fmt"
	"path/filepath"
	"slices"

	"github.com/bulkhead-mesh/bulkhead/bench/document"
)

// maxEntries bounds what a damaged file can ask of a reader.
const maxEntries = 1000

var statuses = []string{Done, Running, Aborted, NotRun}

// Validate says what is wrong with the suite, nil when nothing is. Directories lead nowhere but below the suite's own.
func (s *Suite) Validate() error {
	if s.Schema != Schema {
		return &document.SchemaError{File: File, Found: s.Schema, Wanted: Schema}
	}
	if len(s.Entries) == 0 || len(s.Entries) > maxEntries {
		return fmt.Errorf("%s: %d entries, want 1 to %d", File, len(s.Entries), maxEntries)
	}
	seen := map[string]bool{}
	for i, e := range s.Entries {
		switch {
		case e.Dir == "" || filepath.Base(e.Dir) != e.Dir || e.Dir == "." || e.Dir == "..":
			return fmt.Errorf("%s: entry %d: dir %q is no name of a directory beside this file", File, i, e.Dir)
		case seen[e.Dir]:
			return fmt.Errorf("%s: entry %d: dir %q is given twice", File, i, e.Dir)
		case !slices.Contains(statuses, e.Status):
			return fmt.Errorf("%s: entry %s: status %q is not known: it is one of %q", File, e.Dir, e.Status, statuses)
		case e.Status == Done && e.Why != "":
			return fmt.Errorf("%s: entry %s: it is done, and says why not", File, e.Dir)
		}
		seen[e.Dir] = true
	}
	return nil
}

// Recorded reports whether an entry has a record that can be read.
func (e *Entry) Recorded() bool { return e.Status != NotRun }

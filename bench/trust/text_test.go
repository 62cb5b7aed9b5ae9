package trust

import (
	"encoding/json"
	"flag"
	"os"
	"path/filepath"
	"testing"

	"github.com/google/go-cmp/cmp"
)

var update = flag.Bool("update", false, "rewrite the golden files")

func golden(t *testing.T, name, got string) {
	t.Helper()
	path := filepath.Join("testdata", name)
	if *update {
		if err := os.WriteFile(path, []byte(got), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	want, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(string(want), got); diff != "" {
		t.Errorf("%s (-want +got):\n%s", name, diff)
	}
}

func TestTable(t *testing.T) {
	r := story()
	golden(t, "one.txt", Judge(r).Table())
	golden(t, "one.md", Judge(r).Markdown())
	second := story().Subjects[0]
	second.Name, second.Isolation = "shared", "shared"
	second.Attempts[3].Outcome, second.Attempts[3].Note = Succeeded, "it was open"
	second.Attempts[2].Outcome = NotEnforceable
	r.Subjects = append(r.Subjects, second)
	golden(t, "two.txt", Judge(r).Table())
}

func TestJSONIsWhole(t *testing.T) {
	b, err := Judge(story()).JSON()
	if err != nil {
		t.Fatal(err)
	}
	var doc struct {
		Schema   string           `json:"schema"`
		Rows     []map[string]any `json:"rows"`
		Findings []string         `json:"findings"`
	}
	if err := json.Unmarshal(b, &doc); err != nil {
		t.Fatal(err)
	}
	if doc.Schema != "bulkhead.trust.report/v1" || len(doc.Rows) != 3 || doc.Findings == nil {
		t.Errorf("document %s", b)
	}
}

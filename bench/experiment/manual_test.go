package experiment

import (
	"strings"
	"testing"
)

// The example of the manual is valid for reader and schema, and says something about every part of a file.
func TestExampleOfTheManual(t *testing.T) {
	manual := string(read(t, "../../docs/experiments.md"))
	_, rest, ok := strings.Cut(manual, "```yaml\n")
	text, _, ends := strings.Cut(rest, "```")
	if !ok || !ends {
		t.Fatal("no example")
	}
	e, err := Parse("docs/experiments.md", []byte(text))
	if err != nil {
		t.Fatal(err)
	}
	if err := validate(t, compiled(t), []byte(text)); err != nil {
		t.Error(err)
	}
	if e.Name != "half-dead-payments" || len(e.Topology.Pods) != 4 || len(e.Graph.Denied) != 1 || e.Repeats != 3 {
		t.Errorf("%+v", e)
	}
	for _, f := range new(Experiment).table() {
		if !strings.Contains(text, "\n"+f.key+":") && !strings.HasPrefix(text, f.key+":") {
			t.Errorf("the example has no %s", f.key)
		}
		if !strings.Contains(manual, "`"+f.key+"`") && !strings.Contains(manual, "`"+f.key+".") {
			t.Errorf("the manual does not explain %s", f.key)
		}
	}
}

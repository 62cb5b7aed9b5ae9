package experiment

import (
	"bytes"
	"encoding/json"
	"flag"
	"os"
	"testing"

	"github.com/santhosh-tekuri/jsonschema/v6"
	"sigs.k8s.io/yaml"
)

const published = "../../docs/experiment.schema.json"

var update = flag.Bool("update", false, "write "+published)

func TestPublishedSchema(t *testing.T) {
	if *update {
		if err := os.WriteFile(published, Schema(), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	b, err := os.ReadFile(published)
	if err != nil || !bytes.Equal(b, Schema()) {
		t.Errorf("%s is not what bulkhead drill schema prints (%v): run go test ./bench/experiment -update", published, err)
	}
}

// A validator that knows nothing of this package takes what the reader takes, and refuses what it refuses.
func TestSchemaAndReaderAgree(t *testing.T) {
	s := compiled(t)
	for _, file := range files(t, "good") {
		text := read(t, file)
		if _, err := Parse(file, text); err != nil {
			t.Errorf("reader: %v", err)
		}
		if err := validate(t, s, text); err != nil {
			t.Errorf("%s: schema: %v", file, err)
		}
	}
	for _, file := range files(t, "broken") {
		text := read(t, file)
		if _, err := Parse(file, text); err == nil {
			t.Errorf("%s: the reader takes it", file)
		}
		if err := validate(t, s, text); err == nil {
			t.Errorf("%s: the schema takes it", file)
		}
	}
}

// What is written is valid, too.
func TestSchemaTakesWhatIsWritten(t *testing.T) {
	s := compiled(t)
	for _, name := range []string{"crash", "noisy-neighbour", KeyTheft} {
		e, err := Of(name)
		if err != nil {
			t.Fatal(err)
		}
		if err := validate(t, s, e.YAML()); err != nil {
			t.Errorf("%s: %v", name, err)
		}
	}
}

func compiled(t *testing.T) *jsonschema.Schema {
	t.Helper()
	doc, err := jsonschema.UnmarshalJSON(bytes.NewReader(Schema()))
	if err != nil {
		t.Fatal(err)
	}
	c := jsonschema.NewCompiler()
	if err := c.AddResource("experiment.json", doc); err != nil {
		t.Fatal(err)
	}
	s, err := c.Compile("experiment.json")
	if err != nil {
		t.Fatal(err)
	}
	return s
}

// validate reads YAML with a library that the reader does not use.
func validate(t *testing.T, s *jsonschema.Schema, text []byte) error {
	t.Helper()
	asJSON, err := yaml.YAMLToJSON(text)
	if err != nil {
		t.Fatal(err)
	}
	if !json.Valid(asJSON) {
		t.Fatalf("%s", asJSON)
	}
	v, err := jsonschema.UnmarshalJSON(bytes.NewReader(asJSON))
	if err != nil {
		t.Fatal(err)
	}
	return s.Validate(v)
}

func read(t *testing.T, file string) []byte {
	t.Helper()
	text, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	return text
}

package experiment

import (
	"bytes"
	"encoding/json"
	"fmt"
	"slices"

	"go.yaml.in/yaml/v3"
)

// head is what stands above a file that is written for people.
const head = `# An experiment of bulkhead: run it with bulkhead drill run FILE. docs/experiments.md is the manual,
# bulkhead drill schema prints the JSON Schema. All but method.fault may be left out; these are the values that it has then.
`

// YAML is the experiment as a file, with a line about each key.
func (e Experiment) YAML() []byte {
	if e.Method.Fault == KeyTheft {
		e.Method.Observe = 0
	}
	t := e.table()
	if e.Method.Fault == KeyTheft {
		t = slices.DeleteFunc(t, func(f field) bool { return slices.Contains(notOfTheft, f.key) })
	}
	n := t.node()
	explain(t, n)
	var b bytes.Buffer
	b.WriteString(head)
	enc := yaml.NewEncoder(&b)
	enc.SetIndent(2)
	if err := enc.Encode(n); err != nil { // only nodes that cannot be: a mistake in this package
		panic(fmt.Sprintf("experiment: %v", err))
	}
	return b.Bytes()
}

// explain puts what the table says of a key behind it.
func explain(o object, n *yaml.Node) {
	for i := 0; i+1 < len(n.Content); i += 2 {
		key, value := n.Content[i], n.Content[i+1]
		f := o.field(key.Value)
		if sub, ok := f.is.(object); ok {
			key.LineComment = f.doc
			explain(sub, value)
		} else if value.Kind == yaml.ScalarNode || value.Style == yaml.FlowStyle {
			value.LineComment = f.doc
		} else {
			key.LineComment = f.doc
		}
	}
}

// Schema is the JSON Schema of a file. What it cannot say, the bounds of times and what must fit together, is checked by
// Parse alone.
func Schema() []byte {
	var e Experiment
	s := e.table().schema()
	s["$schema"] = "https://json-schema.org/draft/2020-12/schema"
	s["title"] = "An experiment of bulkhead"
	b, err := json.MarshalIndent(s, "", "  ")
	if err != nil { // only strings, numbers and maps
		panic(fmt.Sprintf("experiment: %v", err))
	}
	return append(b, '\n')
}

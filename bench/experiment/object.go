package experiment

import (
	"strings"

	"go.yaml.in/yaml/v3"
)

func (o object) read(r *reader, n *yaml.Node, path string) {
	if n.Kind != yaml.MappingNode {
		r.fail(n, path, "%s is not what belongs here: give a mapping with some of %s", shown(n), o.keys())
		return
	}
	given := map[string]bool{}
	for i := 0; i+1 < len(n.Content); i += 2 {
		key, value := n.Content[i], n.Content[i+1]
		f := o.field(key.Value)
		switch {
		case key.Kind != yaml.ScalarNode || f == nil:
			r.fail(key, path, "unknown key %s: use some of %s", shown(key), o.keys())
			return
		case given[f.key]:
			r.fail(key, below(path, f.key), "given twice: keep one of them")
			return
		}
		given[f.key] = true
		r.take(f.is, value, below(path, f.key))
	}
	for _, f := range o {
		if f.must && !given[f.key] {
			r.fail(n, path, "%s is missing: %s", f.key, f.doc)
		}
	}
}

func (o object) field(key string) *field {
	for i := range o {
		if o[i].key == key {
			return &o[i]
		}
	}
	return nil
}

func (o object) keys() string {
	var names []string
	for _, f := range o {
		names = append(names, f.key)
	}
	return strings.Join(names, ", ")
}

func (o object) node() *yaml.Node {
	n := &yaml.Node{Kind: yaml.MappingNode, Tag: "!!map"}
	for _, f := range o {
		if value := f.is.node(); value != nil {
			n.Content = append(n.Content, plain("!!str", f.key), value)
		}
	}
	if len(n.Content) == 0 {
		return nil
	}
	return n
}

func (o object) schema() map[string]any {
	properties, required := map[string]any{}, []string{}
	for _, f := range o {
		s := f.is.schema()
		s["description"] = f.doc
		properties[f.key] = s
		if f.must {
			required = append(required, f.key)
		}
	}
	s := map[string]any{"type": "object", "properties": properties, "additionalProperties": false}
	if len(required) > 0 {
		s["required"] = required
	}
	return s
}

// unless is a shape that is left out of what is written where absent says so.
type unless struct {
	shape
	absent bool
}

func (u unless) node() *yaml.Node {
	if u.absent {
		return nil
	}
	return u.shape.node()
}

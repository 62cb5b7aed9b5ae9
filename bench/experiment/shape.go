package experiment

import "go.yaml.in/yaml/v3"

// shape is what stands at one place of a file, and where it goes. The three uses of the table are its methods.
type shape interface {
	// read takes a value, or says by r.fail why it cannot.
	read(r *reader, n *yaml.Node, path string)
	// node is the value as it would be written; nil: it is left out.
	node() *yaml.Node
	// schema is what JSON Schema can say of it.
	schema() map[string]any
}

// object is a mapping with known keys, in the order in which they are written.
type object []field

// field is one key of an object.
type field struct {
	key  string
	doc  string
	must bool
	is   shape
}

// list is a sequence of like things, each with its own shape.
type list[T any] struct {
	to       *[]T
	of       func(*T) shape
	min, max int
}

// scalar is a single value of one of YAML's types.
type scalar[T any] struct {
	to    *T
	as    string // what is wanted, for people
	parse func(n *yaml.Node) (T, bool)
	why   func(T) string // not: what is wrong with a value of the right type; nil or empty: nothing
	write func(T) *yaml.Node
	says  map[string]any
}

func plain(tag, value string) *yaml.Node {
	return &yaml.Node{Kind: yaml.ScalarNode, Tag: tag, Value: value}
}

func (s scalar[T]) read(r *reader, n *yaml.Node, path string) {
	v, ok := s.parse(n)
	if !ok {
		r.fail(n, path, "%s is not what belongs here: give %s", shown(n), s.as)
		return
	}
	if s.why != nil {
		if why := s.why(v); why != "" {
			r.fail(n, path, "%s", why)
			return
		}
	}
	*s.to = v
}

func (s scalar[T]) node() *yaml.Node       { return s.write(*s.to) }
func (s scalar[T]) schema() map[string]any { return s.says }

func (l list[T]) read(r *reader, n *yaml.Node, path string) {
	if n.Kind != yaml.SequenceNode {
		r.fail(n, path, "%s is not what belongs here: give a list", shown(n))
		return
	}
	if len(n.Content) < l.min || len(n.Content) > l.max {
		r.fail(n, path, "%d of them: give %d to %d", len(n.Content), l.min, l.max)
		return
	}
	all := make([]T, len(n.Content))
	for i, item := range n.Content {
		r.take(l.of(&all[i]), item, index(path, i))
	}
	*l.to = all
}

func (l list[T]) node() *yaml.Node {
	if len(*l.to) == 0 {
		return nil
	}
	n := &yaml.Node{Kind: yaml.SequenceNode, Tag: "!!seq"}
	for i := range *l.to {
		item := l.of(&(*l.to)[i]).node()
		n.Content = append(n.Content, item)
		if item.Kind == yaml.ScalarNode {
			n.Style = yaml.FlowStyle
		} else {
			item.Style = yaml.FlowStyle
		}
	}
	return n
}

func (l list[T]) schema() map[string]any {
	var one T
	return map[string]any{"type": "array", "items": l.of(&one).schema(), "minItems": l.min, "maxItems": l.max}
}

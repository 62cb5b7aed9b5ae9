package experiment

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"regexp"
	"strconv"
	"strings"

	"go.yaml.in/yaml/v3"
)

// reader remembers the first error, and where each value stands.
type reader struct {
	file  string
	lines map[string]int // by path
	err   error          // *FileError
}

// document is the one value of the text.
func (r *reader) document(text []byte) *yaml.Node {
	if len(text) > maxBytes {
		r.whole("more than %d bytes: an experiment is a page or two", maxBytes)
		return nil
	}
	d := yaml.NewDecoder(bytes.NewReader(text))
	var first, second yaml.Node
	if err := decoded(d, &first); errors.Is(err, io.EOF) {
		r.whole("it is empty: give a method with a fault at least")
		return nil
	} else if err != nil {
		r.syntax(err)
		return nil
	}
	if err := decoded(d, &second); err == nil {
		r.fail(&second, "", "a second document begins here: one file is one experiment")
		return nil
	} else if !errors.Is(err, io.EOF) {
		r.syntax(err)
		return nil
	}
	return first.Content[0]
}

// decoded guards against what the library does with texts that nobody writes.
func decoded(d *yaml.Decoder, to *yaml.Node) (err error) {
	defer func() {
		if p := recover(); p != nil {
			err = fmt.Errorf("it cannot be read: %v", p)
		}
	}()
	return d.Decode(to)
}

var atLine = regexp.MustCompile(`^yaml: (?:line (\d+): )?(.*)$`)

// syntax is what the YAML library found.
func (r *reader) syntax(err error) {
	e := &FileError{File: r.file, Sentence: firstLine(err.Error())}
	if m := atLine.FindStringSubmatch(e.Sentence); m != nil {
		e.Line, _ = strconv.Atoi(m[1])
		e.Sentence = m[2]
	}
	e.Sentence = "this is no YAML: " + e.Sentence
	r.note(e)
}

func (r *reader) whole(format string, args ...any) {
	r.note(&FileError{File: r.file, Sentence: fmt.Sprintf(format, args...)})
}

func (r *reader) fail(n *yaml.Node, path, format string, args ...any) {
	r.note(&FileError{File: r.file, Line: n.Line, Path: path, Sentence: fmt.Sprintf(format, args...)})
}

// at is fail for what was read before; of what nobody gave it names no line.
func (r *reader) at(path, format string, args ...any) {
	r.note(&FileError{File: r.file, Line: r.lines[path], Path: path, Sentence: fmt.Sprintf(format, args...)})
}

func (r *reader) note(e *FileError) {
	if r.err == nil {
		r.err = e
	}
}

// given reports whether the file says something at a path.
func (r *reader) given(path string) bool { _, ok := r.lines[path]; return ok }

// take reads one value by its shape. An alias is what it stands for: the table is finite, and so is the way down.
func (r *reader) take(s shape, n *yaml.Node, path string) {
	if r.err != nil {
		return
	}
	r.lines[path] = n.Line
	if n.Kind == yaml.AliasNode {
		n = n.Alias
	}
	s.read(r, n, path)
}

func below(path, key string) string {
	if path == "" {
		return key
	}
	return path + "." + key
}

func index(path string, i int) string { return fmt.Sprintf("%s[%d]", path, i) }

// shown is a value for a sentence.
func shown(n *yaml.Node) string {
	switch n.Kind {
	case yaml.MappingNode:
		return "a mapping"
	case yaml.SequenceNode:
		return "a list"
	}
	if n.ShortTag() == "!!null" {
		return "nothing"
	}
	value := []rune(firstLine(n.Value))
	if len(value) > 60 {
		value = append(value[:57], []rune("...")...)
	}
	return strconv.Quote(string(value))
}

func firstLine(s string) string {
	s, _, _ = strings.Cut(s, "\n")
	return s
}

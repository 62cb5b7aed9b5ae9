package experiment

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"os"
	"regexp"
	"strconv"
	"strings"

	"go.yaml.in/yaml/v3"
)

// maxBytes bounds what a reader takes into memory.
const maxBytes = 1 << 20

// FileError is what is wrong with a file, and where.
type FileError struct {
	File     string
	Line     int    // 0: the file as a whole
	Path     string // of the key, such as "method.for"; empty: the file as a whole
	Sentence string // with what to do
}

func (e *FileError) Error() string {
	s := e.File
	if e.Line > 0 {
		s += ":" + strconv.Itoa(e.Line)
	}
	if e.Path != "" {
		s += ": " + e.Path
	}
	return s + ": " + e.Sentence
}

// Misuse marks the error for commands: whoever wrote the file can mend it.
func (e *FileError) Misuse() bool { return true }

// Read reads an experiment from a file. Every error is a *FileError.
func Read(file string) (Experiment, error) {
	f, err := os.Open(file)
	if err != nil {
		var why *os.PathError
		errors.As(err, &why)
		return Experiment{}, &FileError{File: file, Sentence: fmt.Sprintf("%v: name a file that can be read", why.Err)}
	}
	defer f.Close()
	text, err := io.ReadAll(io.LimitReader(f, maxBytes+1))
	if err != nil {
		return Experiment{}, &FileError{File: file, Sentence: fmt.Sprintf("%v: name a file that can be read", err)}
	}
	return Parse(file, text)
}

// Parse reads an experiment from the text of a file, whose name is for errors. Every error is a *FileError.
func Parse(file string, text []byte) (Experiment, error) {
	r := &reader{file: file, lines: map[string]int{}}
	e := usual()
	if root := r.document(text); root != nil {
		r.take(e.table(), root, "")
	}
	if r.err == nil {
		e.fill(r)
		e.check(r)
	}
	if r.err != nil {
		return Experiment{}, r.err
	}
	return e, nil
}

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

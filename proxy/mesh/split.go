package mesh

import (
	"bytes"
	"errors"
)

// piece is a part of a mesh file: an element of the list of a key, or a key and its value.
type piece struct {
	key  []byte // the line before; empty where it is in the text
	text []byte
	line int // of the file, where the text begins
}

// whole is the piece as a mesh file of its own, in a buffer.
func (p piece) whole(buffer []byte) []byte { return append(append(buffer[:0], p.key...), p.text...) }

// errDocuments is of a file of which a parser would read the first part and leave the rest.
var errDocuments = errors.New("there are several documents in it (--- or ...): a mesh file is one")

// split cuts a file so that an element that is as it was need not be decoded again. It looks
// at indentation alone: an element ends where a line has a dash in the column of its own. There
// nothing else can begin but the inside of quotes or braces that are still open, and then the
// pieces are refused. A file that is not laid out like that is one piece.
func split(text []byte) ([]piece, error) {
	s := splitter{seen: map[string]bool{}}
	laidOut, at := true, 0
	for line := range bytes.Lines(text) {
		s.line++
		if len(s.seen) > 0 && (bytes.HasPrefix(line, []byte("---")) || bytes.HasPrefix(line, []byte("..."))) {
			return nil, errDocuments
		}
		laidOut = laidOut && s.take(line, text, at)
		at += len(line)
	}
	if !laidOut {
		return []piece{{text: text, line: 1}}, nil
	}
	s.end(text[:at])
	return s.done, nil
}

// splitter is between two lines.
type splitter struct {
	done   []piece
	line   int
	seen   map[string]bool // top-level keys
	key    []byte          // line of the key whose list follows; nil: its value is beside it
	column int             // of the list's dashes; -1: there was none yet
	open   piece           // without its text
	from   int             // where that begins
}

// take takes the line that begins at an offset, and says whether it is laid out as split expects.
func (s *splitter) take(line, text []byte, at int) bool {
	rest := bytes.TrimLeft(line, " ")
	column, words := len(line)-len(rest), bytes.TrimSpace(rest)
	switch {
	case len(words) == 0 || words[0] == '#' || len(s.seen) == 0 && bytes.Equal(line, []byte("---\n")):
		return true
	case rest[0] == '\t':
		return false
	case column == 0 && words[0] != '-':
		return s.begin(line, words, text, at)
	case s.key != nil && (s.column < 0 || s.column == column) && words[0] == '-' && (len(words) == 1 || words[1] == ' '):
		if s.column >= 0 {
			s.end(text[:at])
		}
		s.column, s.from, s.open = column, at, piece{key: s.key, line: s.line}
		return true
	}
	return len(s.seen) > 0 && column > s.column && (s.key == nil || s.column >= 0)
}

// begin takes the line of a top-level key.
func (s *splitter) begin(line, words, text []byte, at int) bool {
	name, value, ok := bytes.Cut(words, []byte(":"))
	if !ok || !isWord(name) || s.seen[string(name)] || len(value) > 0 && value[0] != ' ' {
		return false
	}
	if len(s.seen) > 0 {
		s.end(text[:at])
	}
	s.seen[string(name)] = true
	s.key, s.column, s.from, s.open = nil, 0, at, piece{line: s.line}
	if value = bytes.TrimSpace(value); len(value) == 0 || value[0] == '#' {
		s.key, s.column = line, -1
	}
	return true
}

// end closes the piece that is open where the text ends.
func (s *splitter) end(text []byte) {
	if len(s.seen) > 0 {
		s.open.text = text[s.from:]
		s.done = append(s.done, s.open)
	}
}

func isWord(b []byte) bool {
	for _, c := range b {
		if c|0x20 < 'a' || c|0x20 > 'z' {
			return false
		}
	}
	return len(b) > 0
}

package mesh

import (
	"bytes"
	"errors"
	"strings"
	"unicode/utf8"
)

// piece is a part of a mesh file: an element of the list of a key, or a key and its value.
type piece struct {
	key  []byte // the line before; empty where it is in the text
	text []byte
	line int // of the file, where the text begins
}

// whole is the piece as a mesh file of its own, in a buffer.
func (p piece) whole(buffer []byte) []byte { return append(append(buffer[:0], p.key...), p.text...) }

var (
	// errDocuments is of a file of which a parser would read the first part and leave the rest.
	errDocuments = errors.New("there are several documents in it (--- or ...): a mesh file is one")
	errTwice     = errors.New("it has a key twice")
	// errBreaks is of a file whose lines are not where they seem to be: a parser of YAML ends a line, and
	// a comment, at more than a line feed, and what an editor shows as a comment could be a policy, or the other way round.
	errBreaks = errors.New("it is not plain UTF-8 with lines that end in LF or CRLF: no CR alone, no control characters, no U+2028, U+2029 or U+FEFF (in a string they can be escaped)")
)

// blank is what a parser of YAML skips at both ends of a line.
const blank = " \t\r\n"

// split cuts a file so that an element that is as it was need not be decoded again. It looks
// at indentation alone: an element ends where a line has a dash in the column of its own. There
// nothing else can begin but the inside of quotes or braces that are still open, and then the
// pieces are refused. A file that is not laid out like that is one piece. Nothing but blank lines and comments is in no piece.
func split(text []byte) ([]piece, error) {
	text = bytes.TrimPrefix(text, []byte("\ufeff"))
	if !plain(text) {
		return nil, errBreaks
	}
	s := splitter{seen: map[string]bool{}}
	laidOut, at := true, 0
	for line := range bytes.Lines(text) {
		s.line++
		words := bytes.Trim(line, blank)
		if bytes.HasPrefix(line, []byte("...")) || bytes.HasPrefix(line, []byte("---")) && s.begun {
			return nil, errDocuments
		}
		s.begun = s.begun || len(words) > 0 && words[0] != '#'
		switch {
		case s.twice:
			return nil, errTwice
		case len(s.seen) == 0 && laidOut && string(words) == "---" && line[0] == '-':
		default:
			laidOut = laidOut && s.take(line, text, at)
		}
		at += len(line)
	}
	if s.twice {
		return nil, errTwice
	}
	if !laidOut {
		return []piece{{text: text, line: 1}}, nil
	}
	s.end(text[:at])
	return s.done, nil
}

// plain says that lines end for a parser of YAML where they end for split, and that it
// would read all of them.
func plain(text []byte) bool {
	if !utf8.Valid(text) || bytes.Count(text, []byte("\r")) != bytes.Count(text, []byte("\r\n")) {
		return false
	}
	return bytes.IndexFunc(text, special) < 0
}

// special are the characters that a parser of YAML refuses (YAML 1.2, 5.1), and those at which
// it alone ends a line.
func special(r rune) bool {
	switch r {
	case '\t', '\n', '\r':
		return false
	case '\u2028', '\u2029', '\ufeff', '\ufffe', '\uffff':
		return true
	}
	return r < ' ' || r >= 0x7f && r < 0xa0
}

// splitter is between two lines.
type splitter struct {
	done   []piece
	line   int
	begun  bool            // there was more than blank lines and comments
	seen   map[string]bool // top-level keys, in lower case: a decoder takes both
	twice  bool            // one of them came again
	key    []byte          // line of the key whose list follows; nil: its value is beside it
	column int             // of the list's dashes; -1: there was none yet
	open   piece           // without its text
	from   int             // where that begins
}

// take takes the line that begins at an offset, and says whether it is laid out as split expects.
func (s *splitter) take(line, text []byte, at int) bool {
	rest := bytes.TrimLeft(line, " ")
	column, words := len(line)-len(rest), bytes.Trim(rest, blank)
	switch {
	case len(rest) > 0 && rest[0] == '\t': // an error for a parser, in some places also where nothing follows
		return false
	case len(words) == 0 || words[0] == '#':
		return true
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
	if !ok || !isWord(name) || len(value) > 0 && value[0] != ' ' {
		return false
	}
	lower := strings.ToLower(string(name))
	s.twice = s.seen[lower]
	if len(s.seen) > 0 {
		s.end(text[:at])
	}
	s.seen[lower] = true
	s.key, s.column, s.from, s.open = nil, 0, at, piece{line: s.line}
	if value = bytes.Trim(value, blank); len(value) == 0 || value[0] == '#' {
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

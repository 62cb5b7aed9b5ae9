package experiment

import (
	"errors"
	"fmt"
	"io"
	"os"
	"strconv"
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

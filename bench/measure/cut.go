package measure

import (
	"bufio"
	"errors"
	"fmt"
	"io"
)

// CutError is a file of a record that ends in its midst, since whoever wrote it was killed, or the machine went down. What is
// missing could be exactly what mattered, so nothing is made of the rest.
type CutError struct{ Lines int } // that are whole

func (e *CutError) Error() string {
	return fmt.Sprintf("it was cut after %d lines: what wrote it was killed; run the drill again", e.Lines)
}

// Misuse marks the error for commands: the caller named a directory of which nothing can be told.
func (e *CutError) Misuse() bool { return true }

// cutAfter is err, or a *CutError if the stream ended while the line of that number, or what is before the first one, was read.
func cutAfter(whole int, lines *bufio.Scanner, err error) error {
	if lines != nil {
		if lines.Scan() || lines.Err() == nil { // a line that is cut comes before the error that says so
			return err
		}
		err = lines.Err()
	}
	if errors.Is(err, io.ErrUnexpectedEOF) || errors.Is(err, io.EOF) {
		return &CutError{whole}
	}
	return err
}

// inLine says where, unless the error does.
func inLine(n int, err error) error {
	if cut := (*CutError)(nil); errors.As(err, &cut) {
		return err
	}
	return fmt.Errorf("line %d: %w", n, err)
}

package stacks

import (
	"debug/elf"
	"debug/gosym"
	"fmt"
	"path/filepath"
)

// Names are the functions of a Go executable, by where they are in its file: perf says that
// of user space's addresses, and not where they are in memory.
type Names struct {
	file  string // its base name
	text  uint64 // how much an address in memory is more
	table *gosym.Table
}

// Open reads those of an executable.
func Open(path string) (*Names, error) {
	f, err := elf.Open(path)
	if err != nil {
		return nil, fmt.Errorf("stacks: %w", err)
	}
	defer f.Close()
	text, lines := f.Section(".text"), f.Section(".gopclntab")
	if text == nil || lines == nil {
		return nil, fmt.Errorf("stacks: %s is no Go executable", path)
	}
	data, err := lines.Data()
	if err != nil {
		return nil, fmt.Errorf("stacks: %s: %w", path, err)
	}
	table, err := gosym.NewTable(nil, gosym.NewLineTable(data, text.Addr))
	if err != nil {
		return nil, fmt.Errorf("stacks: %s: %w", path, err)
	}
	return &Names{filepath.Base(path), text.Addr - text.Offset, table}, nil
}

// at is the function at a place in an object's file; empty when it is none of this executable's.
func (n *Names) at(place uint64, object string) string {
	if n == nil || filepath.Base(object) != n.file {
		return ""
	}
	f := n.table.PCToFunc(place + n.text)
	if f == nil {
		return ""
	}
	return f.Name
}

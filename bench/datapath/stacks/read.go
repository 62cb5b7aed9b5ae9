package stacks

import (
	"bufio"
	"fmt"
	"io"
	"slices"
	"strconv"
	"strings"
)

// Profile is how often each stack was seen.
type Profile struct {
	Samples int
	stacks  map[string]int // functions from the outermost on, with semicolons between
}

// Bounds of what is read: a stack of perf has 127 frames at most.
const (
	maxDepth   = 1024
	maxSamples = 1 << 20
	maxLine    = 64 << 10
)

// Read reads samples: frames line by line, the innermost first, and an empty line after
// each sample. names may be nil.
func Read(r io.Reader, names *Names) (*Profile, error) {
	p := &Profile{stacks: make(map[string]int)}
	lines := bufio.NewScanner(r)
	lines.Buffer(nil, maxLine)
	var stack []string
	for lines.Scan() {
		line := strings.TrimSpace(lines.Text())
		if line == "" {
			p.add(stack)
			stack = stack[:0]
			continue
		}
		name, err := frame(line, names)
		if err != nil {
			return nil, err
		}
		if len(stack) == maxDepth || p.Samples == maxSamples {
			return nil, fmt.Errorf("stacks: more than %d frames, or %d samples", maxDepth, maxSamples)
		}
		stack = append(stack, name)
	}
	p.add(stack)
	if err := lines.Err(); err != nil {
		return nil, fmt.Errorf("stacks: %w", err)
	}
	return p, nil
}

func (p *Profile) add(stack []string) {
	if len(stack) == 0 {
		return
	}
	p.Samples++
	slices.Reverse(stack)
	p.stacks[strings.Join(stack, ";")]++
}

// frame is the function of one line: an address, a symbol that may be [unknown], and an
// object in parentheses.
func frame(line string, names *Names) (string, error) {
	address, rest, _ := strings.Cut(line, " ")
	pc, err := strconv.ParseUint(address, 16, 64)
	if err != nil {
		return "", fmt.Errorf("stacks: %q is no frame", line)
	}
	symbol, object := rest, ""
	if i := strings.LastIndex(rest, " ("); i >= 0 && strings.HasSuffix(rest, ")") {
		symbol, object = rest[:i], rest[i+2:len(rest)-1]
	}
	symbol, _, _ = strings.Cut(strings.TrimSpace(symbol), "+0x")
	if symbol == "" || symbol == "[unknown]" {
		symbol = names.at(pc, object)
	}
	if symbol == "" {
		symbol = "?"
	}
	return strings.ReplaceAll(symbol, ";", ":"), nil
}

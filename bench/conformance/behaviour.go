package main

import (
	_ "embed"
	"fmt"
	"strconv"
	"strings"
)

//go:embed behaviours.txt
var known string

// group is a heading and the behaviours below it.
type group struct {
	title      string
	behaviours []behaviour
}

type behaviour struct {
	number int
	words  string
	reason string // what is missing or why it is not here; empty if nothing
	alone  string // why it is not tested over QUIC, though it is over HTTP/2; empty if it is
}

// parse reads groups. The numbers count from one without a gap, so that none can be left out silently.
func parse(text string) ([]group, error) {
	var all []group
	count := 0
	for n, line := range strings.Split(strings.TrimRight(text, "\n"), "\n") {
		fail := func(why string) error { return fmt.Errorf("behaviours.txt:%d: %s", n+1, why) }
		if line == "" || strings.HasPrefix(line, "//") {
			continue
		}
		if title, ok := strings.CutPrefix(line, "# "); ok {
			all = append(all, group{title: title})
			continue
		}
		if len(all) == 0 {
			return nil, fail("a behaviour stands below a heading (# A. Title)")
		}
		last := &all[len(all)-1]
		if kind, why, ok := note(line); ok {
			if len(last.behaviours) == 0 {
				return nil, fail("a note stands below its behaviour")
			}
			of := kind(&last.behaviours[len(last.behaviours)-1])
			if *of != "" {
				return nil, fail("there is one note of a kind")
			}
			*of = why
			continue
		}
		number, words, _ := strings.Cut(line, " ")
		if got, err := strconv.Atoi(number); err != nil || got != count+1 || words == "" {
			return nil, fail(fmt.Sprintf("want behaviour %d as \"%d what is to be seen.\"", count+1, count+1))
		}
		count++
		last.behaviours = append(last.behaviours, behaviour{number: count, words: words})
	}
	return all, nil
}

// note is a line below a behaviour: where it goes, and what it says.
func note(line string) (of func(*behaviour) *string, why string, ok bool) {
	if why, ok = strings.CutPrefix(line, "  - "); ok {
		return func(b *behaviour) *string { return &b.reason }, why, true
	}
	why, ok = strings.CutPrefix(line, "  not over QUIC: ")
	return func(b *behaviour) *string { return &b.alone }, why, ok
}

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
		if reason, ok := strings.CutPrefix(line, "  - "); ok {
			if len(last.behaviours) == 0 || last.behaviours[len(last.behaviours)-1].reason != "" {
				return nil, fail("a reason stands below its behaviour, and there is one of it")
			}
			last.behaviours[len(last.behaviours)-1].reason = reason
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

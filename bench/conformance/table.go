package main

import (
	"cmp"
	"fmt"
	"path"
	"regexp"
	"strings"
)

const preface = `# Conformance

What a peer of Istio's ztunnel does, counted through, and the tests of Bulkhead that show it. This page is made by ` + "`make conformance`" + `
from lines above the tests (` + "`// Conformance 62: deny before allow.`" + `) and from the results of those tests; what is missing, or does not apply, says why. *Over* names the transports that carried a test: where there
are two, one test body ran over both, and saw to it that nothing but QUIC carried the second run. A dash says that no transport takes part: the test looks at what is decided before a stream is opened or after
it has come, at plain TCP, or at a package that both transports use.
Do not edit it: [bench/conformance](../bench/conformance/doc.go) says how.
`

// render writes the page. A test without a result is "not run".
func render(groups []group, all []mark, results map[test]result) string {
	var b strings.Builder
	b.WriteString(preface)
	fmt.Fprintf(&b, "\n%s\n", summary(groups, all))
	for _, g := range groups {
		fmt.Fprintf(&b, "\n## %s\n\n| | behaviour | shown by | over | result |\n|--:|---|---|---|---|\n", g.title)
		for _, h := range g.behaviours {
			shown, over, ended := shownBy(h, all, results)
			fmt.Fprintf(&b, "| %d | %s | %s | %s | %s |\n", h.number, cell(h.words), shown, over, ended)
		}
	}
	return b.String()
}

func summary(groups []group, all []mark) string {
	shown, total, tests := map[int]bool{}, 0, map[test]bool{}
	for _, m := range all {
		shown[m.number], tests[m.test] = true, true
	}
	for _, g := range groups {
		total += len(g.behaviours)
	}
	return fmt.Sprintf("%d of %d behaviours are shown by %d tests; of the others the table says why not.", len(shown), total, len(tests))
}

// shownBy has a line for each mark, in each column, and one for each note.
func shownBy(h behaviour, all []mark, results map[test]result) (shown, over, ended string) {
	var left, middle, right []string
	add := func(l, m, r string) { left, middle, right = append(left, l), append(middle, m), append(right, r) }
	for _, m := range all {
		if m.number == h.number {
			r := results[m.test]
			add(fmt.Sprintf("[%s](../%s) in %s: %s", m.test.name, m.file, m.test.dir, cell(m.words)), cmp.Or(r.over, none), cmp.Or(r.ended, notRun))
		}
	}
	if h.reason != "" {
		add(cell(h.reason), none, none)
	}
	if h.alone != "" {
		add("not over QUIC: "+cell(h.alone), none, none)
	}
	return strings.Join(left, "<br>"), strings.Join(middle, "<br>"), strings.Join(right, "<br>")
}

// none fills what is empty.
const none = "–"

func cell(s string) string { return strings.ReplaceAll(s, "|", `\|`) }

var (
	row  = regexp.MustCompile(`(?m)^\| [0-9]+ \| .* \| (.*) \| ([^|]*) \| ([^|]*) \|$`)
	link = regexp.MustCompile(`^\[(\w+)\]\(\.\./([^)]+)\)`)
)

// resultsIn reads back what render wrote.
func resultsIn(page string) map[test]result {
	results := map[test]result{}
	for _, r := range row.FindAllStringSubmatch(page, -1) {
		over, ended := strings.Split(r[2], "<br>"), strings.Split(r[3], "<br>")
		for i, line := range strings.Split(r[1], "<br>") {
			if l := link.FindStringSubmatch(line); l != nil && i < min(len(over), len(ended)) && ended[i] != notRun {
				results[test{path.Dir(l[2]), l[1]}] = result{ended[i], strings.TrimSuffix(over[i], none)}
			}
		}
	}
	return results
}

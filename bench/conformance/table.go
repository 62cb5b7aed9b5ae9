package main

import (
	"fmt"
	"path"
	"regexp"
	"strings"
)

const preface = `# Conformance

What a peer of Istio's ztunnel does, counted through, and the tests of Bulkhead that show it. This page is made by ` + "`make conformance`" + `
from lines above the tests (` + "`// Conformance 62: deny before allow.`" + `) and from the results of those tests; what is missing, or does not apply, says why.
Do not edit it: [bench/conformance](../bench/conformance/doc.go) says how.
`

// render writes the page. A test without a result is "not run".
func render(groups []group, all []mark, results map[test]string) string {
	var b strings.Builder
	b.WriteString(preface)
	fmt.Fprintf(&b, "\n%s\n", summary(groups, all))
	for _, g := range groups {
		fmt.Fprintf(&b, "\n## %s\n\n| | behaviour | shown by | result |\n|--:|---|---|---|\n", g.title)
		for _, h := range g.behaviours {
			shown, result := shownBy(h, all, results)
			fmt.Fprintf(&b, "| %d | %s | %s | %s |\n", h.number, cell(h.words), shown, result)
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

// shownBy has a line for each mark, in both columns, and one for the reason.
func shownBy(h behaviour, all []mark, results map[test]string) (shown, result string) {
	var left, right []string
	for _, m := range all {
		if m.number != h.number {
			continue
		}
		r := results[m.test]
		if r == "" {
			r = notRun
		}
		left = append(left, fmt.Sprintf("[%s](../%s) in %s: %s", m.test.name, m.file, m.test.dir, cell(m.words)))
		right = append(right, r)
	}
	if h.reason != "" {
		left, right = append(left, cell(h.reason)), append(right, "–")
	}
	return strings.Join(left, "<br>"), strings.Join(right, "<br>")
}

func cell(s string) string { return strings.ReplaceAll(s, "|", `\|`) }

var (
	row  = regexp.MustCompile(`(?m)^\| [0-9]+ \| .* \| (.*) \| ([^|]*) \|$`)
	link = regexp.MustCompile(`^\[(\w+)\]\(\.\./([^)]+)\)`)
)

// resultsIn reads back what render wrote.
func resultsIn(page string) map[test]string {
	results := map[test]string{}
	for _, r := range row.FindAllStringSubmatch(page, -1) {
		right := strings.Split(r[2], "<br>")
		for i, line := range strings.Split(r[1], "<br>") {
			if l := link.FindStringSubmatch(line); l != nil && i < len(right) && right[i] != notRun {
				results[test{path.Dir(l[2]), l[1]}] = right[i]
			}
		}
	}
	return results
}

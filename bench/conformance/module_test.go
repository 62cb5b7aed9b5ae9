package main

import (
	"os"
	"regexp"
	"testing"

	"github.com/google/go-cmp/cmp"
)

// ofThisModule are the behaviours, and the marks of this module's tests.
func ofThisModule(t *testing.T) ([]group, []mark) {
	t.Helper()
	groups, err := parse(known)
	if err != nil {
		t.Fatal(err)
	}
	all, err := marks(os.DirFS("../.."))
	if err != nil {
		t.Fatal(err)
	}
	return groups, all
}

// TestEveryBehaviourIsAccountedFor: each mark has a row, and each row a mark or a reason.
func TestEveryBehaviourIsAccountedFor(t *testing.T) {
	groups, all := ofThisModule(t)
	rows, marked := map[int]bool{}, map[int]bool{}
	for _, m := range all {
		marked[m.number] = true
	}
	for _, g := range groups {
		for _, h := range g.behaviours {
			rows[h.number] = true
			if !marked[h.number] && h.reason == "" {
				t.Errorf("behaviour %d (%s) has no mark and no reason: mark a test or say in behaviours.txt why there is none", h.number, h.words)
			}
		}
	}
	for _, m := range all {
		if !rows[m.number] {
			t.Errorf("%s: %s shows behaviour %d, which behaviours.txt does not know", m.file, m.test.name, m.number)
		}
	}
}

// TestTheTableIsOfTheseMarks: only the results may be others; a run on a machine without root has some.
func TestTheTableIsOfTheseMarks(t *testing.T) {
	groups, all := ofThisModule(t)
	text, err := os.ReadFile("../../" + page)
	if err != nil {
		t.Fatal(err)
	}
	result := regexp.MustCompile(`(?m)\| [^|]* \| [^|]* \|$`)
	without := func(s string) string { return result.ReplaceAllString(s, "") }
	if d := cmp.Diff(without(render(groups, all, nil)), without(string(text))); d != "" {
		t.Errorf("%s is of other marks: run make conformance, or go run ./bench/conformance --new\n%s", page, d)
	}
}

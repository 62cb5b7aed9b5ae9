package main

import (
	"os"
	"testing"
)

// TestEveryBehaviourIsAccountedFor holds this module to its marks: each has a row, and each row a mark or a reason.
func TestEveryBehaviourIsAccountedFor(t *testing.T) {
	groups, err := parse(known)
	if err != nil {
		t.Fatal(err)
	}
	all, err := marks(os.DirFS("../.."))
	if err != nil {
		t.Fatal(err)
	}
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

package main

import (
	"slices"
	"strings"
	"testing"

	"github.com/bulkhead-mesh/bulkhead/bench/experiment"
	"github.com/bulkhead-mesh/bulkhead/bench/fault"
	"github.com/bulkhead-mesh/bulkhead/bench/schedule"
)

// Every name stands once, below its group, with what it does.
func TestDrillList(t *testing.T) {
	out, _, code := try("drill", "list")
	if code != 0 {
		t.Fatalf("exit %d", code)
	}
	group, found := "", map[string]bool{}
	for line := range strings.Lines(out) {
		words := strings.Fields(line)
		switch {
		case !strings.HasPrefix(line, " ") && len(words) == 1:
			group = words[0]
		case strings.HasPrefix(line, "  "):
			a := schedule.Catalogued(words[0])
			if found[words[0]] || a.Group != group || strings.Join(words[1:], " ") != a.Does {
				t.Errorf("in group %s: %s", group, line)
			}
			found[words[0]] = true
		}
	}
	for _, name := range schedule.Names() {
		if !found[name] {
			t.Errorf("%s is not in the list:\n%s", name, out)
		}
	}
}

func TestDrillShow(t *testing.T) {
	for _, name := range schedule.Names() {
		out, sentence, code := try("drill", "show", name)
		a := schedule.Catalogued(name)
		if code != 0 || !strings.HasPrefix(out, name+" ("+a.Group+"): "+a.Does) {
			t.Errorf("%s: exit %d, %s\n%s", name, code, sentence, out)
		}
		words := strings.Join(strings.Fields(out), " ")
		for _, want := range []string{a.Incident, a.Source, a.Expect, a.Look} {
			if !strings.Contains(words, strings.Join(strings.Fields(want), " ")) {
				t.Errorf("%s: it does not say %q:\n%s", name, want, out)
			}
		}
		for line := range strings.Lines(out) {
			if len(strings.TrimSpace(line)) > 2*shownWidth {
				t.Errorf("%s: a long line: %s", name, line)
			}
		}
	}
	if out, _, _ := try("drill", "show", "crash"); !strings.Contains(out, "sidecar: 4; workload: 2..4") {
		t.Errorf("no prediction:\n%s", out)
	}
}

// A name as a file is the same experiment.
func TestDrillShowYAML(t *testing.T) {
	out, _, code := try("drill", "show", "keeper-crash", "--yaml")
	e, err := experiment.Parse("printed", []byte(out))
	if code != 0 || err != nil || e.Method.Fault != "keeper-crash" {
		t.Errorf("exit %d, %v\n%s", code, err, out)
	}
	if out, _, code := try("drill", "schema"); code != 0 || out != string(experiment.Schema()) {
		t.Errorf("exit %d, %s", code, out)
	}
}

func TestDrillShowMisuse(t *testing.T) {
	for want, args := range map[string][]string{
		"wants one name: crash or": {},
		"use one of crash":         {"crush"},
		"wants one name":           {"crash", "hang"},
	} {
		_, sentence, code := try(append([]string{"drill", "show"}, args...)...)
		if code != exitMisuse || !strings.Contains(sentence, want) {
			t.Errorf("%v: exit %d, %q; want %q", args, code, sentence, want)
		}
	}
}

func TestGroupsOfTheCatalogueAreKnown(t *testing.T) {
	for _, name := range schedule.Names() {
		if a := schedule.Catalogued(name); !slices.Contains(fault.Groups, a.Group) {
			t.Errorf("%s: group %q", name, a.Group)
		}
	}
}

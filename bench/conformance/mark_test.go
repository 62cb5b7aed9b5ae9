package main

import (
	"strings"
	"testing"
	"testing/fstest"

	"github.com/google/go-cmp/cmp"
)

const marked = `package a

import "testing"

// TestOne has a sentence of its own.
// Conformance 7: seven is shown.
// Conformance 3: and three.
func TestOne(t *testing.T) {}

var rows = []string{
	// Conformance 12: a row.
	"row",
}

// Conformance 14: in a step.
func step() string { return rows[0] }

func TestTwo(t *testing.T) { _ = step() }

func FuzzThree(f *testing.F) { _ = rows }

func TestFour(t *testing.T) {
	// Conformance 7: inside.
	_ = 1
}

// Conformance of another kind is prose.
func TestingAids() {}
`

func module(text string) fstest.MapFS {
	return fstest.MapFS{
		"proxy/a/a_test.go":          {Data: []byte(text)},
		"proxy/a/testdata/b_test.go": {Data: []byte("not Go")},
		".git/c_test.go":             {Data: []byte("not Go")},
	}
}

func TestMarks(t *testing.T) {
	got, err := marks(module(marked))
	if err != nil {
		t.Fatal(err)
	}
	at := func(number int, name, words string) mark {
		return mark{number, words, test{"proxy/a", name}, "proxy/a/a_test.go"}
	}
	want := []mark{
		at(3, "TestOne", "and three"), at(7, "TestFour", "inside"), at(7, "TestOne", "seven is shown"),
		at(12, "FuzzThree", "a row"), at(12, "TestTwo", "a row"), at(14, "TestTwo", "in a step"),
	}
	if d := cmp.Diff(want, got, cmp.AllowUnexported(mark{}, test{})); d != "" {
		t.Error(d)
	}
}

func TestWhatIsNoMark(t *testing.T) {
	for name, c := range map[string]struct{ from, to, want string }{
		"without a colon":     {"// Conformance 7: seven", "// Conformance 7 seven", "a_test.go:6"},
		"without words":       {"// Conformance 3: and three.", "// Conformance 3:", "want"},
		"in small letters":    {"// Conformance 3:", "// conformance 3:", "want"},
		"colon in the middle": {"// Conformance 3:", "// Conformance: 3", "want"},
		"above nothing":       {"// Conformance of another kind is prose.", "// Conformance 7: nobody uses it.", "no test"},
	} {
		t.Run(name, func(t *testing.T) {
			text := strings.Replace(marked, c.from, c.to, 1)
			if text == marked {
				t.Fatal("the test changed nothing")
			}
			if _, err := marks(module(text)); err == nil || !strings.Contains(err.Error(), c.want) {
				t.Errorf("error %v, want one with %q", err, c.want)
			}
		})
	}
}

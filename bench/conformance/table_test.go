package main

import (
	"context"
	"maps"
	"strings"
	"testing"
)

const few = `# A. First
1 One thing.
2 Another | thing.
  - not built: later
  not over QUIC: its frames
# B. Second
3 The third.
`

func TestParse(t *testing.T) {
	groups, err := parse(few)
	if err != nil {
		t.Fatal(err)
	}
	if len(groups) != 2 || groups[0].behaviours[1] != (behaviour{2, "Another | thing.", "not built: later", "its frames"}) || groups[1].behaviours[0].number != 3 {
		t.Errorf("%+v", groups)
	}
	for name, c := range map[string]struct{ from, to string }{
		"a gap":                {"2 Another", "4 Another"},
		"no number":            {"2 Another", "two Another"},
		"no words":             {"3 The third.", "3"},
		"above every heading":  {"# A. First\n", ""},
		"two reasons":          {"  - not", "  - a\n  - not"},
		"a reason for nothing": {"# B. Second\n", "# B. Second\n  - why\n"},
	} {
		if _, err := parse(strings.Replace(few, c.from, c.to, 1)); err == nil || !strings.Contains(err.Error(), "behaviours.txt:") {
			t.Errorf("%s: error %v", name, err)
		}
	}
}

func TestRender(t *testing.T) {
	groups, err := parse(few)
	if err != nil {
		t.Fatal(err)
	}
	one, two := test{"proxy/a", "TestOne"}, test{"proxy/a", "TestTwo"}
	all := []mark{{1, "so | so", one, "proxy/a/a_test.go"}, {1, "and so", two, "proxy/a/b_test.go"}, {2, "half", one, "proxy/a/a_test.go"}}
	results := map[test]result{one: {"pass", "http2, quic"}}
	text := render(groups, all, results)
	for _, want := range []string{
		"2 of 3 behaviours are shown by 2 tests",
		"| 1 | One thing. | [TestOne](../proxy/a/a_test.go) in proxy/a: so \\| so<br>[TestTwo](../proxy/a/b_test.go) in proxy/a: and so | http2, quic<br>– | pass<br>not run |\n",
		"| 2 | Another \\| thing. | [TestOne](../proxy/a/a_test.go) in proxy/a: half<br>not built: later<br>not over QUIC: its frames | http2, quic<br>–<br>– | pass<br>–<br>– |\n",
		"| 3 | The third. |  |  |  |\n",
	} {
		if !strings.Contains(text, want) {
			t.Errorf("no %q in\n%s", want, text)
		}
	}
	if got := resultsIn(text); !maps.Equal(got, results) {
		t.Errorf("read back: %v", got)
	}
}

// The events of a real run, one that fails and one that cannot be built included, are what cmd/test2json says.
func TestReadEvents(t *testing.T) {
	results := map[test]result{}
	said, err := readEvents(strings.NewReader(`{"Action":"run","Test":"TestOne"}
{"Action":"pass","Test":"TestOne/sub/quic"}
{"Action":"skip","Test":"TestOne/http2"}
{"Action":"fail","Test":"TestOne"}
{"Action":"skip","Test":"TestTwo"}
{"Action":"output","Output":"FAIL\n"}
{"Action":"fail"}
`), "proxy/a", results)
	if err != nil || said != "FAIL\n" {
		t.Errorf("said %q, %v", said, err)
	}
	if want := map[test]result{{"proxy/a", "TestOne"}: {"fail", "quic"}, {"proxy/a", "TestTwo"}: {"skip", ""}}; !maps.Equal(results, want) {
		t.Errorf("results %v", results)
	}
}

func TestRun(t *testing.T) {
	t.Chdir("../..")
	here := test{"bench/conformance", "TestParse"}
	results, err := run(t.Context(), []test{here}, t.Output())
	if err != nil || results[here].ended != "pass" {
		t.Errorf("%v, %v", results, err)
	}
	if _, err := run(t.Context(), []test{{"bench/conformance", "TestThatIsNone"}}, t.Output()); err == nil {
		t.Error("a test that does not exist has a result")
	}
	ended, cancel := context.WithCancel(t.Context())
	cancel()
	if _, err := run(ended, []test{here}, t.Output()); err == nil {
		t.Error("a run that was interrupted has results")
	}
}
